const issue = await github.list_issues({ owner: "a", state: "open" });
return { count: issue.n * 2, title: `issue ${issue.n}` };
