//! The index: which terms stand in which fields of which tools. Built once for a catalogue, compact, bounded. Must never score anything.

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

use super::words;

/// Where a term stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Name,
    Server,
    Description,
    Parameters,
}

pub(crate) const FIELDS: usize = 4;

/// How much of a description is indexed, in bytes: what comes later is details.
const MAX_DESCRIPTION: usize = 1_200;
/// The most parameters whose names are indexed.
const MAX_PARAMETERS: usize = 60;
/// The most different terms of one tool.
const MAX_TERMS: usize = 160;
/// The most different terms of a name: names are indexed even where everything else is full.
const MAX_NAME_TERMS: usize = 24;
/// The most entries altogether. Tools that come later are found by their names alone.
const MAX_POSTINGS: usize = 400_000;
/// The most different terms altogether, names not counted: far more than languages have for tools.
const MAX_DISTINCT: usize = 60_000;

/// A term in a tool: how often, in each field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) tool: u32,
    pub(crate) counts: [u8; FIELDS],
}

/// Lengths of a tool's fields, in words.
pub(crate) type Lengths = [u16; FIELDS];

/// Terms, sorted; for each, the tools it is in, sorted.
#[derive(Debug, Default)]
pub(crate) struct Index {
    text: String,
    /// Where each term ends in `text`, and where its postings end.
    terms: Vec<(u32, u32)>,
    postings: Vec<Posting>,
    lengths: Vec<Lengths>,
}

/// Takes the tools one by one.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    terms: BTreeMap<String, Vec<Posting>>,
    lengths: Vec<Lengths>,
    postings: usize,
}

impl Builder {
    /// The next tool. Its number is how many came before it.
    pub(crate) fn add(&mut self, server: &str, name: &str, tool: &Value) {
        let number = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        let full = self.postings >= MAX_POSTINGS;
        let mut lengths = Lengths::default();
        let mut terms = 0;
        let mut count = |text: &str, field: Field| {
            words::words(text, |word| {
                let stem = words::stem(word);
                let at = field as usize;
                lengths[at] = lengths[at].saturating_add(1);
                if field == Field::Description && words::is_stop(word) {
                    return;
                }
                let named = matches!(field, Field::Name | Field::Server);
                if named && terms >= MAX_NAME_TERMS
                    || !named && self.terms.len() >= MAX_DISTINCT && !self.terms.contains_key(&stem)
                {
                    return;
                }
                let postings = self.terms.entry(stem).or_default();
                match postings.last_mut() {
                    Some(last) if last.tool == number => last.counts[at] = last.counts[at].saturating_add(1),
                    _ if terms < MAX_TERMS => {
                        let mut counts = [0; FIELDS];
                        counts[at] = 1;
                        postings.push(Posting { tool: number, counts });
                        terms += 1;
                    }
                    _ => {}
                }
            });
        };
        count(crate::text::prefix(name, 256), Field::Name);
        count(crate::text::prefix(server, 256), Field::Server);
        if !full {
            let title = tool.get("title").and_then(Value::as_str).unwrap_or_default();
            let description = tool.get("description").and_then(Value::as_str).unwrap_or_default();
            count(crate::text::prefix(title, 200), Field::Description);
            count(crate::text::prefix(description, MAX_DESCRIPTION), Field::Description);
            let properties = tool.pointer("/inputSchema/properties").and_then(Value::as_object);
            for (parameter, _) in properties.into_iter().flatten().take(MAX_PARAMETERS) {
                count(crate::text::prefix(parameter, 64), Field::Parameters);
            }
        }
        self.postings += terms;
        self.lengths.push(lengths);
    }

    pub(crate) fn finish(self) -> Index {
        let mut index = Index { lengths: self.lengths, ..Index::default() };
        index.postings.reserve_exact(self.postings);
        index.terms.reserve_exact(self.terms.len());
        for (term, postings) in self.terms.into_iter().filter(|(_, postings)| !postings.is_empty()) {
            index.text.push_str(&term);
            index.postings.extend(postings);
            index.terms.push((offset(index.text.len()), offset(index.postings.len())));
        }
        index.text.shrink_to_fit();
        index
    }
}

/// Lengths are far below what a number of 32 bits holds: [`MAX_POSTINGS`] terms of 24 bytes.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Index {
    pub(crate) fn lengths(&self, tool: usize) -> Lengths {
        self.lengths.get(tool).copied().unwrap_or_default()
    }

    /// The tools that `term` is in.
    pub(crate) fn postings(&self, term: &str) -> &[Posting] {
        match self.find(term) {
            Ok(at) => &self.postings[self.range(at, |entry| entry.1)],
            Err(_) => &[],
        }
    }

    /// The terms that begin with `prefix` and are longer, in order, and the tools they are in.
    pub(crate) fn beginning_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [Posting])> {
        let first = self.find(prefix).map_or_else(|at| at, |at| at + 1);
        let all = (first..self.terms.len()).map(|at| (self.term(at), &self.postings[self.range(at, |entry| entry.1)]));
        all.take_while(move |(term, _)| term.starts_with(prefix))
    }

    /// How many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        self.text.len()
            + self.terms.len() * size_of::<(u32, u32)>()
            + self.postings.len() * size_of::<Posting>()
            + self.lengths.len() * size_of::<Lengths>()
    }

    fn find(&self, term: &str) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.terms.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.term(middle).cmp(term) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    fn term(&self, at: usize) -> &str {
        &self.text[self.range(at, |entry| entry.0)]
    }

    fn range(&self, at: usize, end: impl Fn((u32, u32)) -> u32) -> Range<usize> {
        let start = at.checked_sub(1).map_or(0, |before| end(self.terms[before]));
        start as usize..end(self.terms[at]) as usize
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn index() -> Index {
        let mut builder = Builder::default();
        builder.add("github", "list_issues", &json!({"description": "Lists the issues"}));
        builder.add("github", "getIssue", &json!({"inputSchema": {"properties": {"issueNumber": {}}}}));
        builder.finish()
    }

    #[test]
    fn a_term_leads_to_its_tools() {
        let index = index();
        let issue = index.postings(&words::stem("issue"));
        assert_eq!(issue.iter().map(|posting| posting.tool).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((issue[0].counts, issue[1].counts), ([1, 0, 1, 0], [1, 0, 0, 1]));
        assert_eq!(index.postings("nothing"), []);
        assert_eq!(index.postings("the"), []);
    }

    #[test]
    fn terms_are_found_by_their_beginning() {
        let index = index();
        let found: Vec<_> = index.beginning_with("g").map(|(term, _)| term).collect();
        assert_eq!(found, ["get", "github"]);
        assert_eq!(index.beginning_with("github").count(), 0);
    }

    #[test]
    fn an_index_is_bounded_whatever_is_in_it() {
        let mut builder = Builder::default();
        for tool in 0..1_000 {
            let word =
                |n: usize| format!("{}{}", char::from(b'a' + (n % 26) as u8).to_string().repeat(3), tool * 200 + n);
            let description: Vec<String> = (0..200).map(word).collect();
            builder.add("s", &format!("find_{tool}"), &json!({"description": description.join(" ")}));
        }
        let index = builder.finish();
        assert!(index.size() < 3_000_000, "{}", index.size());
        // Names are found even of those for which there was no more room.
        assert_eq!(index.postings("find").len(), 1_000);
        assert_eq!(index.postings("999").len(), 1);
    }

    #[test]
    fn what_one_tool_adds_is_bounded() {
        let mut builder = Builder::default();
        let words: Vec<String> = (0..100_000).map(|n| format!("w{n}x")).collect();
        builder.add("s", &words.join("_"), &json!({"description": words.join(" ")}));
        let index = builder.finish();
        assert!(index.terms.len() <= MAX_TERMS);
        assert!(index.size() < 10_000);
    }
}
