import { parseAst } from 'vite'
import { readText } from './source-tree.ts'

/** Numbers of rules that a text cites: `G3`, `P12`, and `G1-G4` for all of them. */
export function citationsOf(text: string): string[] {
  const numbers = [...text.matchAll(/\b([PMRGSKNWOBYCHELAJ])(\d{1,2})(?:-\1(\d{1,2}))?\b/g)].flatMap(
    (match) => {
      const [, letter, from, to = from] = match
      const count = Math.max(1, Number(to) - Number(from) + 1)
      return Array.from({ length: count }, (_, i) => `${letter}${Number(from) + i}`)
    },
  )
  return [...new Set(numbers)]
}

/** Titles of the tests and groups in a file, where they are written as text. */
export function titlesOf(path: string): string[] {
  const titles: string[] = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item)
    else if (typeof value === 'object' && value !== null) {
      if ('type' in value && value.type === 'CallExpression' && 'callee' in value && 'arguments' in value) {
        if (isTestCall(value.callee) && Array.isArray(value.arguments))
          titles.push(textOf(value.arguments[0]))
      }
      for (const child of Object.values(value)) if (typeof child === 'object') visit(child)
    }
  }
  visit(parseAst(readText(path), { lang: path.endsWith('x') ? 'tsx' : 'ts' }))
  return titles
}

/** Whether what is called is `it`, `test`, `describe` or something made of one, such as `it.each(...)`. */
function isTestCall(callee: unknown): boolean {
  if (typeof callee !== 'object' || callee === null || !('type' in callee)) return false
  if (callee.type === 'Identifier')
    return 'name' in callee && ['it', 'test', 'describe'].includes(String(callee.name))
  if (callee.type === 'MemberExpression') return 'object' in callee && isTestCall(callee.object)
  if (callee.type === 'CallExpression') return 'callee' in callee && isTestCall(callee.callee)
  return callee.type === 'TaggedTemplateExpression' && 'tag' in callee && isTestCall(callee.tag)
}

function textOf(node: unknown): string {
  if (typeof node !== 'object' || node === null || !('type' in node)) return ''
  if (node.type === 'Literal' && 'value' in node) return String(node.value)
  if (node.type === 'TemplateLiteral' && 'quasis' in node && Array.isArray(node.quasis))
    return node.quasis.map((part: { value?: { raw?: string } }) => part.value?.raw ?? '').join(' ')
  return ''
}
