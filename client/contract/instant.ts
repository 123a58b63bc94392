// RFC 3339 date-times, checked strictly: the calendar day exists, the offset is there, nothing is coerced.
// A leap second is taken where one can stand, at 23:59:60 UTC.

const SHAPE =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

/** Longest text taken; a bound on the fraction. */
export const INSTANT_LENGTH_MAX = 64

export function isInstant(text: string): boolean {
  if (text.length > INSTANT_LENGTH_MAX) return false
  const match = SHAPE.exec(text)
  if (match === null) return false
  const part = (group: number): number => Number(match[group] ?? 0)
  const month = part(2)
  if (month < 1 || month > 12) return false
  if (part(3) < 1 || part(3) > daysIn(part(1), month)) return false
  if (part(4) > 23 || part(5) > 59 || part(6) > 60 || part(8) > 23 || part(9) > 59) return false
  return part(6) < 60 || isLastMinuteOfDay(part(4) * 60 + part(5), match[7], part(8) * 60 + part(9))
}

const DAY_MINUTES = 24 * 60

function isLastMinuteOfDay(minute: number, sign: string | undefined, offset: number): boolean {
  const utc = minute + (sign === '-' ? offset : -offset)
  return (utc + DAY_MINUTES) % DAY_MINUTES === DAY_MINUTES - 1
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
