import { defineConfig } from 'vite'

// One script per variant: neither page loads a byte of the other's client.
export default defineConfig({
  define: { 'process.env.NODE_ENV': JSON.stringify('production') },
  build: {
    outDir: 'dist/client',
    emptyOutDir: true,
    manifest: true,
    // Data in the HTML would break the content security policy's font-src and cannot be cached.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: {
        faye: 'src/client/faye/entry.js',
        native: 'src/client/native/entry.ts',
        style: 'src/client/styles/style.ts',
      },
    },
  },
})
