// How Svelte components are compiled: runes only, styles in files of their own (the page allows no inline style).
import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true, css: "external" },
};
