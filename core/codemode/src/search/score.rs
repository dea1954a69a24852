//! BM25F (Robertson and Zaragoza 2009): fields have weights and lengths of their own, and a term saturates once over all of them.
//! A word of the query, its synonyms and the words it begins count as one term.

use super::{
    Bits,
    index::{FIELDS, Index, Posting},
    synonyms::{self, Synonyms},
    words,
};

use crate::order::sorted;

/// What a word counts in each field: name, server, description, parameters.
const WEIGHTS: [f32; FIELDS] = [3.0, 2.0, 1.0, 0.5];
/// How much a field's length matters.
const LENGTH: [f32; FIELDS] = [0.4, 0.0, 0.6, 0.6];
/// How soon a term saturates.
const SATURATION: f32 = 4.0;
/// What a synonym counts, and a word that only begins like the query's.
const SYNONYM: f32 = 0.6;
const BEGINNING: f32 = 0.5;
/// The shortest word that is taken as a beginning, and the most words it may lead to.
const MIN_BEGINNING: usize = 3;
const MAX_BEGINNINGS: usize = 16;
/// The most words of a query.
const MAX_WORDS: usize = 24;
/// What scores worse than this part of the best is no answer.
const CUT: f32 = 0.4;

/// A tool and how well it answers. Scores compare within one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) tool: usize,
    /// In thousandths: where floating-point arithmetic differs in its last digits, the order does not.
    pub(crate) score: i64,
}

/// What a query's word may stand as in the index, and what each counts.
struct Concept {
    word: String,
    forms: Vec<(String, f32)>,
}

/// The tools that answer `query`, best first; of equals, the first in the catalogue.
pub(crate) fn rank(index: &Index, visible: &Bits, tools: usize, query: &str) -> Vec<Hit> {
    let concepts = concepts(query);
    let averages = visible.average_lengths();
    let mut scores = vec![0_f32; tools];
    let mut matched = vec![0_u8; tools];
    let mut weights = vec![0_f32; tools];
    for concept in &concepts {
        let found = weigh(index, visible, concept, &averages, &mut weights);
        let rarity = rarity(visible.count(), found.len());
        for tool in found {
            let weight = std::mem::take(&mut weights[tool]);
            scores[tool] += rarity * weight / (SATURATION + weight);
            matched[tool] += 1;
        }
    }
    let mut hits: Vec<Hit> = (0..tools)
        .filter(|tool| matched[*tool] > 0)
        .map(|tool| {
            // Who has all words is better than who has one of them often.
            let coverage = f32::from(matched[tool]) / concepts.len().max(1) as f32;
            Hit { tool, score: (scores[tool] * (0.6 + 0.4 * coverage) * 1000.0) as i64 }
        })
        .collect();
    hits = sorted(hits, |a, b| b.score.cmp(&a.score).then(a.tool.cmp(&b.tool)));
    let least = hits.first().map_or(0, |best| (best.score as f32 * CUT) as i64);
    hits.retain(|hit| hit.score >= least);
    hits
}

/// Adds up what `concept` weighs in each tool that is seen, and says in which it is anything.
fn weigh(
    index: &Index,
    visible: &Bits,
    concept: &Concept,
    averages: &[f32; FIELDS],
    weights: &mut [f32],
) -> Vec<usize> {
    let mut found = Vec::new();
    let mut add = |postings: &[Posting], factor: f32| {
        for posting in postings.iter().filter(|posting| visible.sees(posting.tool as usize)) {
            let tool = posting.tool as usize;
            // Of several forms in one tool, each adds; a tool that has the word itself is never behind one that has not.
            if weights[tool] == 0.0 {
                found.push(tool);
            }
            weights[tool] += factor * weight(index, posting, averages);
        }
    };
    for (form, factor) in &concept.forms {
        add(index.postings(form), *factor);
    }
    if concept.word.len() >= MIN_BEGINNING {
        let longer = index.beginning_with(&concept.word);
        let seen = longer.filter(|(term, postings)| {
            concept.forms.iter().all(|(form, _)| form != term)
                && postings.iter().any(|posting| visible.sees(posting.tool as usize))
        });
        for (_, postings) in seen.take(MAX_BEGINNINGS) {
            add(postings, BEGINNING);
        }
    }
    found
}

fn weight(index: &Index, posting: &Posting, averages: &[f32; FIELDS]) -> f32 {
    let lengths = index.lengths(posting.tool as usize);
    (0..FIELDS)
        .map(|field| {
            let length = f32::from(lengths[field]) / averages[field];
            WEIGHTS[field] * f32::from(posting.counts[field]) / (1.0 - LENGTH[field] + LENGTH[field] * length)
        })
        .sum()
}

/// How much it says that a tool has a term which `found` of `all` tools have.
fn rarity(all: usize, found: usize) -> f32 {
    let (all, found) = (all as f32, found as f32);
    (1.0 + (all - found + 0.5) / (found + 0.5)).ln()
}

fn concepts(query: &str) -> Vec<Concept> {
    let mut all = Vec::new();
    words::words(query, |word| {
        if all.len() < MAX_WORDS {
            match synonyms::written_out(word) {
                Some(words) => all.extend(words.iter().map(|word| (*word).to_owned())),
                None => all.push(word.to_owned()),
            }
        }
    });
    if all.iter().any(|word| !words::is_stop(word)) {
        all.retain(|word| !words::is_stop(word));
    }
    let synonyms = Synonyms::new();
    let mut concepts: Vec<Concept> = Vec::new();
    for word in all {
        let stem = words::stem(&word);
        if concepts.iter().all(|concept| concept.word != stem) {
            concepts.push(concept(stem, &synonyms));
        }
    }
    concepts
}

fn concept(stem: String, synonyms: &Synonyms) -> Concept {
    let mut forms = vec![(stem.clone(), 1.0)];
    forms.extend(synonyms.of(&stem).into_iter().map(|synonym| (synonym.to_owned(), SYNONYM)));
    Concept { word: stem, forms }
}
