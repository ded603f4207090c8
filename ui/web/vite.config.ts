import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type PreviewServer, type ViteDevServer } from 'vite'
import { contentPolicy } from './dev/policy.ts'
import { mock } from './dev/mock.ts'

// With TIDEGATE_API the page talks to that server; without it, to flows that are made up.
const api = process.env.TIDEGATE_API
const madeUp = {
  name: 'tidegate-mock',
  configureServer: (server: ViteDevServer) => void server.middlewares.use(mock()),
  configurePreviewServer: (server: PreviewServer) => void server.middlewares.use(mock()),
}
const proxy = api ? { '/api': { target: api, changeOrigin: true } } : {}

export default defineConfig({
  // Every address is relative, so that the page works below any path.
  base: './',
  plugins: [svelte(), ...(api ? [] : [madeUp])],
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // A machine with much to do is no fault of the plugins.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy },
  // As strict as the real server, so that what it would refuse is refused here too.
  preview: { proxy, headers: { 'content-security-policy': contentPolicy() } },
})
