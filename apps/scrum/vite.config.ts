import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Twice: `vite build` makes the browser's files, `vite build --ssr src/client/render.tsx` the renderer.
export default defineConfig(({ isSsrBuild }) => ({
  plugins: [react()],
  // The renderer stands alone: some of what it imports cannot be loaded by Node as it is.
  ssr: { noExternal: true },
  define: { 'process.env.NODE_ENV': JSON.stringify('production') },
  publicDir: isSsrBuild ? false : 'public',
  build: {
    outDir: isSsrBuild ? 'dist/ssr' : 'dist/client',
    emptyOutDir: true,
    manifest: !isSsrBuild,
    // Data in the HTML would break the content security policy's font-src and cannot be cached.
    assetsInlineLimit: 0,
    ...(!isSsrBuild && { rolldownOptions: { input: 'src/client/entry.tsx' } }),
  },
}))
