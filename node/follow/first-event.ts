// Waiting for one event, for whoever asks again and again instead of holding a stream open (a long poll).

import type { Followers, Wanted } from './followers.ts'
import { NOTICE } from './format.ts'

/** How to be told that nobody waits any longer: the client has gone. */
export type OnGone = (gone: () => void) => void

/**
 * True once an event of the topic stands behind `after`; false at the deadline, when the client has gone, or when the node
 * stops. Throws SekaliError overloaded.
 */
export function firstEvent(
  followers: Followers,
  wanted: Omit<Wanted, 'format'>,
  onGone: OnGone,
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (found: boolean): void => {
      following.close()
      resolve(found)
    }
    const following = followers.follow(
      { ...wanted, format: NOTICE },
      {
        begin: () => {},
        take: () => {
          settle(true)
          return false
        },
        idle: () => {},
        end: () => settle(false),
      },
    )
    onGone(() => settle(false))
  })
}
