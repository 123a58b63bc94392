// "Was this id seen?": the one question that duplicates are about, put to this node.

import { AskError, ask } from './ask.mjs'
import { byId, element } from './dom.mjs'
import { whole } from './format.mjs'

const form = byId('seen', HTMLFormElement)
const topic = byId('seen-topic', HTMLInputElement)
const eventId = byId('seen-id', HTMLInputElement)
const answer = byId('seen-answer', HTMLParagraphElement)

/** @param {() => string} nodeName who answers */
export function watchSeen(nodeName) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const id = { topic: topic.value, event_id: eventId.value }
    answer.dataset.tone = 'unknown'
    try {
      show(id, await positionOf(id), nodeName())
    } catch (error) {
      if (!(error instanceof AskError)) throw error
      answer.dataset.tone = 'bad'
      answer.textContent = error.message
    }
  })
}

/** @param {{ topic: string, event_id: string }} id */
async function positionOf(id) {
  const body = JSON.stringify({ ids: [id] })
  const headers = { 'content-type': 'application/json' }
  const found = /** @type {{ results: { position: number | null }[] }} */ (
    await ask('/seen', { method: 'POST', headers, body })
  )
  return found.results[0]?.position ?? null
}

/**
 * @param {{ topic: string, event_id: string }} id
 * @param {number | null} position
 * @param {string} node
 */
function show({ topic: of, event_id }, position, node) {
  if (position === null) {
    answer.dataset.tone = 'warn'
    answer.textContent = `No: ${node} has stored no event ${event_id} in ${of}.`
    return
  }
  const href = `/events?after=${position - 1}&limit=1`
  answer.dataset.tone = 'good'
  answer.replaceChildren('Yes, at position ', element('a', { href }, whole(position)), '.')
}
