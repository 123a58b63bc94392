// From the contract's zod schemas to the JSON Schema of an OpenAPI document. What has an `id` becomes a component that is
// referred to; everything else stands where it is used.

import { z } from 'zod'

export type JsonSchema = Readonly<Record<string, unknown>>

export class Schemas {
  readonly components: Record<string, JsonSchema> = {}

  /** The schema itself, or a reference to it. */
  of(schema: z.ZodType): JsonSchema {
    // As input: a reader must bear with fields that later releases add, so nothing is closed but what a schema closes.
    const { $schema: _, $defs, ...own } = withReferences(z.toJSONSchema(schema, { io: 'input' }))
    Object.assign(this.components, $defs)
    return own
  }
}

const COMPONENTS = '#/components/schemas/'

function withReferences(schema: object): Record<string, JsonSchema> {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', `"${COMPONENTS}`))
}
