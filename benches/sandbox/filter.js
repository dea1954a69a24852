const rows = await github.rows({});
const open = rows.filter((row) => row.state === "open" && row.comments > 3);
const counts = {};
for (const row of open) counts[row.user.login] = (counts[row.user.login] ?? 0) + 1;
return Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, 5);
