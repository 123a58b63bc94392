// Query parameters, read strictly: each at most once, none that the route does not know, numbers in plain decimal and
// within bounds. One status for all that is wrong: 400 bad_parameter, naming the parameter.

import type { z } from 'zod'
import { CONSISTENCIES, type Consistency } from '../../client/contract/read.ts'
import { SekaliError } from '../../client/errors.ts'
import { showInput } from '../show-input.ts'

/** More is not written by any client of ours, and each costs a decoding. */
const PARAMETERS_MAX = 32

export class Query {
  readonly #values: ReadonlyMap<string, string>

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values
  }

  text(name: string): string | undefined {
    return this.#values.get(name)
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** A whole number in plain decimal: no sign, fraction, exponent or leading zero. */
  decimal(name: string, min: number, max: number): number | undefined {
    const text = this.#values.get(name)
    if (text === undefined) return undefined
    const value = readDecimal(text, min, max)
    if (value !== null) return value
    throw badParameter(name, `must be a whole number from ${min} to ${max}`)
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.#values.get(name)
    if (text === undefined) return undefined
    const choice = choices.find((candidate) => candidate === text)
    if (choice !== undefined) return choice
    throw badParameter(name, `must be one of ${choices.join(', ')}`)
  }

  consistency(): Consistency {
    return this.oneOf('consistency', CONSISTENCIES) ?? 'local'
  }
}

/** The contract describes the parameters of a route, and so says which it knows. */
export function namesIn(schema: z.ZodObject): readonly string[] {
  return Object.keys(schema.shape)
}

/** Null: not a whole number in plain decimal, or out of bounds. */
export function readDecimal(text: string, min: number, max: number): number | null {
  const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? value : null
}

export function badParameter(name: string, fault: string): SekaliError {
  return new SekaliError('bad_parameter', `${name} ${fault}`, { field: name })
}

/** The query of a URL; throws for a parameter that is repeated, not among `names`, or not decodable. */
export function readQuery(url: string, names: readonly string[]): Query {
  const values = new Map<string, string>()
  const at = url.indexOf('?')
  const hash = url.indexOf('#', at)
  const text = at === -1 ? '' : url.slice(at + 1, hash === -1 ? undefined : hash)
  if (text === '') return new Query(values)
  const parts = text.split('&')
  if (parts.length > PARAMETERS_MAX) throw badParameter('the query', 'has too many parameters')
  for (const part of parts) {
    const equals = part.indexOf('=')
    const name = decode(equals === -1 ? part : part.slice(0, equals), 'a parameter name')
    if (!names.includes(name)) throw badParameter(showInput(name), 'is not known here')
    if (values.has(name)) throw badParameter(name, 'is given more than once')
    values.set(name, decode(equals === -1 ? '' : part.slice(equals + 1), name))
  }
  return new Query(values)
}

/** Percent-decoding that refuses what is not UTF-8, where URLSearchParams would put replacement characters. */
function decode(text: string, name: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw badParameter(name, 'is not percent-encoded UTF-8')
  }
}
