// What a program that talks to sekali may import: the contract and the errors. The only barrel of the project.

export * from './contract/event.ts'
export * from './contract/headers.ts'
export * from './contract/instant.ts'
export * from './contract/limits.ts'
export * from './contract/problem.ts'
export * from './contract/publish.ts'
export * from './contract/read.ts'
export * from './contract/state.ts'
export * from './contract/topic.ts'
export * from './errors.ts'
