/**
 * Walks JSON text that we have made ourselves (valid, with spaces only around and in values of type json)
 * and hands out the texts of the values as they stand: parsing and writing them again would change numbers that JavaScript cannot hold.
 */

/** Calls `visit` with each name and the text of its value, in order. */
export function forEachMember(object: string, visit: (name: string, value: string) => void): void {
  let at = 1
  while (object.charCodeAt(at) !== closeBrace) {
    const nameEnd = endOfString(object, at)
    const valueEnd = endOfValue(object, nameEnd + 1)
    visit(nameOf(object.slice(at, nameEnd)), object.slice(nameEnd + 1, valueEnd))
    at = object.charCodeAt(valueEnd) === comma ? valueEnd + 1 : valueEnd
  }
}

/** Calls `visit` with the text of each element, in order. */
export function forEachElement(array: string, visit: (value: string) => void): void {
  let at = 1
  while (array.charCodeAt(at) !== closeBracket) {
    const end = endOfValue(array, at)
    visit(array.slice(at, end))
    at = array.charCodeAt(end) === comma ? end + 1 : end
  }
}

/** The text of a member of an object; undefined where there is none. */
export function memberOf(object: string, name: string): string | undefined {
  let found: string | undefined
  forEachMember(object, (other, value) => {
    if (other === name) found = value
  })
  return found
}

const quote = 34
const comma = 44
const openBracket = 91
const backslash = 92
const closeBracket = 93
const openBrace = 123
const closeBrace = 125

function nameOf(text: string): string {
  return text.includes('\\') ? String(JSON.parse(text)) : text.slice(1, -1)
}

/** Index after the closing quote of the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return end + 1
  }
  throw new Error('JSON text ends within a string')
}

/** Index after the value that begins at `at`, and after the spaces around it. */
function endOfValue(text: string, at: number): number {
  return afterSpaces(text, endOfBareValue(text, afterSpaces(text, at)))
}

function afterSpaces(text: string, at: number): number {
  let i = at
  for (let c = text.charCodeAt(i); c === 32 || (c >= 9 && c <= 13); c = text.charCodeAt(i)) i++
  return i
}

function endOfBareValue(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === quote) return endOfString(text, at)
  let i = at
  if (first !== openBrace && first !== openBracket) {
    for (; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (c === comma || c === closeBrace || c === closeBracket) break
    }
    // Else whoever goes on from here would never come to the end.
    if (i === at || i === text.length) throw new Error('JSON text lacks a value')
    return i
  }
  for (let depth = 0; i < text.length; ) {
    const c = text.charCodeAt(i)
    if (c === quote) {
      i = endOfString(text, i)
      continue
    }
    i++
    if (c === openBrace || c === openBracket) depth++
    else if ((c === closeBrace || c === closeBracket) && --depth === 0) return i
  }
  throw new Error('JSON text ends within a value')
}
