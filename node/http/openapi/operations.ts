// All routes as they are described, in the order of the document.

import type { Operations } from './operation.ts'
import { ABOUT_OPERATIONS } from './operations/about.ts'
import { CLOUD_EVENT_OPERATIONS } from './operations/cloud-events.ts'
import { FOLLOW_OPERATIONS } from './operations/follow.ts'
import { OPERATE_OPERATIONS } from './operations/operate.ts'
import { PUBLISH_OPERATIONS } from './operations/publish.ts'
import { READ_OPERATIONS } from './operations/read.ts'

export const OPERATIONS: Operations = {
  ...PUBLISH_OPERATIONS,
  ...CLOUD_EVENT_OPERATIONS,
  ...READ_OPERATIONS,
  ...FOLLOW_OPERATIONS,
  ...OPERATE_OPERATIONS,
  ...ABOUT_OPERATIONS,
}
