// How long requests took, by route, method and class of status. The routes are ours, so the labels are: whatever a
// client invents as path or method is one line, `none` and `other`.

import { Buckets, REQUEST_SECONDS } from './buckets.ts'

/** Of a path that is no route, and a method that a route does not take. */
export const NO_ROUTE = 'none'
export const OTHER_METHOD = 'other'

/** 1xx to 5xx. */
const STATUS_CLASSES = 5

export interface RequestDurations {
  readonly route: string
  readonly method: string
  readonly status: string
  readonly seconds: Buckets
}

export class RouteMeter {
  readonly route: string
  readonly method: string
  readonly #classes: readonly Buckets[]

  constructor(route: string, method: string) {
    this.route = route
    this.method = method
    this.#classes = Array.from({ length: STATUS_CLASSES }, () => new Buckets(REQUEST_SECONDS))
  }

  observe(status: number, ms: number): void {
    this.#classes[Math.floor(status / 100) - 1]!.observe(ms / 1_000)
  }

  /** Of the classes that were answered at least once. */
  durations(): RequestDurations[] {
    return this.#classes.flatMap((seconds, place) =>
      seconds.count === 0
        ? []
        : [{ route: this.route, method: this.method, status: `${place + 1}xx`, seconds }],
    )
  }
}

export class RequestMeter {
  readonly #routes: RouteMeter[] = []
  readonly elsewhere = this.route(NO_ROUTE, OTHER_METHOD)

  /** Once for each route, at the start. */
  route(route: string, method: string): RouteMeter {
    const meter = new RouteMeter(route, method)
    this.#routes.push(meter)
    return meter
  }

  durations(): RequestDurations[] {
    return this.#routes.flatMap((route) => route.durations())
  }
}
