import { logContract } from '../log-contract.ts'
import { diskWorld } from './disk-world.ts'

logContract('the log on disk', diskWorld, 100)
