/** The page's frame; `page-script.ts` fills it. Addresses are relative: it works wherever the server is mounted. */
export const pageHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Lockstep Inspector</title>
<link rel="stylesheet" href="inspector/page.css">
<script src="inspector/page.js" defer></script>
</head>
<body>
<header>
<h1>Inspector</h1>
<p id="state" role="status">Loading</p>
</header>
<main>
<section aria-labelledby="h-counts"><h2 id="h-counts">Now</h2><dl id="counts"></dl></section>
<section aria-labelledby="h-commits"><h2 id="h-commits">Changes</h2>
<p class="hint">Choose one to see its life.</p>
<div class="scroll" tabindex="0" role="group" aria-label="Changes"><table id="commits"></table></div></section>
<section aria-labelledby="h-life" id="life" hidden><h2 id="h-life" tabindex="-1">The life of one change</h2>
<div id="life-body"></div>
<form id="why-form"><label for="why-session">Why did this session get it, or not?</label>
<select id="why-session"></select></form>
<div id="why" role="status"></div></section>
<section aria-labelledby="h-channels"><h2 id="h-channels">Channels</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Channels"><table id="channels"></table></div></section>
<section aria-labelledby="h-sessions"><h2 id="h-sessions">Sessions</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Sessions"><table id="sessions"></table></div></section>
<section aria-labelledby="h-locks"><h2 id="h-locks">Locks</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Locks"><table id="locks"></table></div></section>
</main>
</body>
</html>
`
