/** The page as text. */
export const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>inmesh</title><style>/* style */</style>
<h1>inmesh</h1><ul><li><a href="snapshot.json">snapshot.json</a><li><a href="metrics">metrics</a><li><a href="policy">policy</a><li><a href="events">events</a></ul><script>/* script */</script></html>`;
export const style = ':root { color-scheme: light dark; font-family: system-ui }';
export const script = '';
