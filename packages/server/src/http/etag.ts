/** An entity tag with its quotes, strong. */
export function quoteEtag(tag: string): string {
  return tag.startsWith('"') ? tag : `"${tag}"`
}

/** Whether `If-None-Match` holds the tag: `*`, or a list compared weakly (RFC 9110 section 13.1.2). */
export function matchesEtag(header: string | null, etag: string): boolean {
  if (header === null) return false
  if (header.trim() === '*') return true
  for (const [, tag] of header.matchAll(/(?:W\/)?("[^"]*")/g)) if (tag === etag) return true
  return false
}
