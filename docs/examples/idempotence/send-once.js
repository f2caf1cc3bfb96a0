const attemptsMax = 5

/** One key for one intention, however often it has to be sent. */
export async function sendOnce(url, body, key = crypto.randomUUID()) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  for (let attempt = 1; ; attempt++) {
    try {
      const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
      if (reply.status < 500 || attempt === attemptsMax) return reply
    } catch (error) {
      if (attempt === attemptsMax) throw error // no answer: it may have happened, or not
    }
    await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt))
  }
}
