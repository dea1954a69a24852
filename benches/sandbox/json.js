return await github.megabyte({});
