import { type ReactElement, useState } from 'react'
import { type Theme, themeCookie } from '../../model/page.ts'
import { DeviceIcon, MoonIcon, SunIcon } from './icons.tsx'

const next: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }
const words: Readonly<Record<Theme, string>> = { system: 'as the device', light: 'light', dark: 'dark' }
const aYearSeconds = 365 * 24 * 60 * 60

/** Goes round light, dark and what the device says. The choice is a cookie, so that pages come in it. */
export function ThemeToggle({ theme: first }: { theme: Theme }): ReactElement {
  const [theme, setTheme] = useState(first)
  const choose = (chosen: Theme): void => {
    setTheme(chosen)
    const { dataset } = document.documentElement
    if (chosen === 'system') delete dataset.theme
    else dataset.theme = chosen
    const maxAge = chosen === 'system' ? 0 : aYearSeconds
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in all browsers yet
    document.cookie = `${themeCookie}=${chosen}; path=/; max-age=${maxAge}; samesite=lax`
  }
  const label = `Theme: ${words[theme]}`
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={`${label}. Change to ${words[next[theme]]}`}
      onClick={() => choose(next[theme])}
    >
      {theme === 'system' ? <DeviceIcon /> : theme === 'light' ? <SunIcon /> : <MoonIcon />}
    </button>
  )
}
