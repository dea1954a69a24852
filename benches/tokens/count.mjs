// Tokens as o200k counts them: the ranks come with the package.

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";

export const tokens = (text) => countTokens(text);

/** A tool as clients hand it to a model. */
export const definition = (name, tool) => ({ name, description: tool.description, parameters: tool.inputSchema });

/** A tool as the gateway lists it, less what clients keep from a model. */
export const definitions = (tools) => tokens(JSON.stringify(tools.map(([name, tool]) => definition(name, tool))));

export const median = (numbers) => quantile(numbers, 0.5);

export function quantile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
