// RFC 3339 date-times, read from their UTF-8 bytes.
//
// Checks the calendar and tells the instant; it never rewrites what was sent. Date.parse is not used: it takes
// far more than the RFC. A leap second is taken only where one can stand, at 23:59:60 UTC.

/** A fraction may be as long as it likes within this. */
export const TIMESTAMP_BYTES_MAX = 64

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const DAYS_BEFORE_1970 = 719_528 // from 0000-01-01

/** Milliseconds since 1970, with their fraction; NaN: not an RFC 3339 date-time. */
export function instantOf(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 20 || to - from > TIMESTAMP_BYTES_MAX) return Number.NaN

  const year = digits(bytes, from, 4)
  const month = digits(bytes, from + 5, 2)
  const day = digits(bytes, from + 8, 2)
  const hour = digits(bytes, from + 11, 2)
  const minute = digits(bytes, from + 14, 2)
  const second = digits(bytes, from + 17, 2)
  const wellFormed =
    bytes[from + 4] === 0x2d && // -
    bytes[from + 7] === 0x2d &&
    (bytes[from + 10]! | 0x20) === 0x74 && // T or t
    bytes[from + 13] === 0x3a && // :
    bytes[from + 16] === 0x3a
  if (!wellFormed || !(month >= 1 && month <= 12)) return Number.NaN

  const leapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const dayMax = month === 2 && leapYear ? 29 : DAYS_IN_MONTH[month - 1]!
  if (!(day >= 1 && day <= dayMax && hour <= 23 && minute <= 59 && second <= 60)) return Number.NaN

  let at = from + 19
  let fractionMs = 0
  if (bytes[at] === 0x2e) {
    const first = ++at
    for (let scaleMs = 100; at < to && isDigit(bytes[at]); at++, scaleMs /= 10) {
      fractionMs += (bytes[at]! - 0x30) * scaleMs
    }
    if (at === first) return Number.NaN
  }

  const offsetMinutes = zone(bytes, at, to)
  const minuteOfDay = hour * 60 + minute - offsetMinutes
  if (second === 60 && (minuteOfDay + 2 * 1_440) % 1_440 !== 1_439) return Number.NaN

  // Of the year 0 itself no leap year lies before; after it, those before `year` are year 0 and every later one.
  const leapDays =
    year === 0
      ? 0
      : Math.floor((year - 1) / 4) - Math.floor((year - 1) / 100) + Math.floor((year - 1) / 400) + 1
  const leapDay = leapYear && month > 2 ? 1 : 0
  const days = year * 365 + leapDays + DAYS_BEFORE_MONTH[month - 1]! + leapDay + day - 1
  return (days - DAYS_BEFORE_1970) * 86_400_000 + minuteOfDay * 60_000 + second * 1_000 + fractionMs
}

/** The offset in minutes of what must be the last part; NaN: something else stands there. */
function zone(bytes: Uint8Array, at: number, to: number): number {
  const sign = bytes[at]!
  if ((sign | 0x20) === 0x7a) return at + 1 === to ? 0 : Number.NaN // Z or z
  if ((sign !== 0x2b && sign !== 0x2d) || at + 6 !== to || bytes[at + 3] !== 0x3a) return Number.NaN

  const hours = digits(bytes, at + 1, 2)
  const minutes = digits(bytes, at + 4, 2)
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN
  return (sign === 0x2b ? 1 : -1) * (hours * 60 + minutes)
}

function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    if (!isDigit(bytes[i])) return Number.NaN
    value = value * 10 + bytes[i]! - 0x30
  }
  return value
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
