// Making and changing elements. Text from users and peers goes in as text and nothing else: there is no way here to hand
// over markup, and the page's policy (Trusted Types) would refuse it.

/**
 * @typedef {string | number | boolean | null | undefined} Value
 * @typedef {Node | string | null} Child
 */

const SVG = 'http://www.w3.org/2000/svg'

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Value>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  setAttributes(made, attributes)
  made.append(...children.filter((child) => child !== null))
  return made
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Value>} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag)
  setAttributes(made, attributes)
  made.append(...children.filter((child) => child !== null))
  return made
}

/**
 * False, null and undefined take the attribute away; true sets it empty.
 * @param {Element} target
 * @param {Record<string, Value>} attributes
 */
export function setAttributes(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) target.removeAttribute(name)
    else {
      const text = value === true ? '' : String(value)
      if (target.getAttribute(name) !== text) target.setAttribute(name, text)
    }
  }
}

/**
 * Leaves the element alone when nothing changes, so that selections and screen readers are not disturbed.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text
}

/**
 * The element of the frame (index.html) with this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`no ${type.name} #${id}`)
  return found
}

/**
 * Makes the children of `parent` those of `items`, in order. A child that stays is the same element: what is open stays
 * open, and what has the focus keeps it.
 * @template Item
 * @template {Element} Row
 * @param {Element} parent
 * @param {readonly Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => Row} make
 * @param {(row: Row, item: Item) => void} [update]
 */
export function reconcile(parent, items, keyOf, make, update = () => {}) {
  const rows = /** @type {Map<string, Row>} */ (new Map())
  for (const child of parent.children) {
    const row = /** @type {Row} */ (child)
    rows.set(row.getAttribute('data-key') ?? '', row)
  }
  const kept = /** @type {Set<Element>} */ (new Set())
  let place = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    const row = rows.get(key) ?? make(item)
    rows.delete(key)
    row.setAttribute('data-key', key)
    if (row === place) place = place.nextElementSibling
    else parent.insertBefore(row, place)
    kept.add(row)
    update(row, item)
  }
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove()
}
