/** What vitest makes of an import on demand calls this, which it gives to pages only: for workers that a suite brings along. */
Object.assign(self, {
  __vitest_browser_runner__: { wrapDynamicImport: (load: () => Promise<unknown>) => load() },
});
