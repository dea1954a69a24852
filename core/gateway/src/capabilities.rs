//! What the gateway says it can do: what the servers behind an endpoint say, put together. Nothing is promised that no server has.

use std::{collections::BTreeMap, rc::Rc};

use toolgate_state::Server;
use toolgate_upstream::Verdict;
use toolgate_wire::{Era, splice};

/// The most bytes of instructions that are put together.
const MAX_INSTRUCTIONS: usize = 32 << 10;

/// A server and what is known of it.
pub(crate) type Known = (Rc<Server>, Rc<Verdict>);

/// Whether a client can be told what happens while it asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    Offered,
    None,
}

/// What the servers can do together, for a client of `era`: a raw object. Tools are always there: that is what a gateway is for.
pub(crate) fn merged(known: &[Known], era: Era, streams: Streams) -> String {
    let any = |capability: &str| known.iter().any(|(_, verdict)| verdict.may_have(capability));
    let feature = |capability: &str, feature: &str| {
        streams == Streams::Offered && known.iter().any(|(_, verdict)| verdict.has(capability, feature))
    };
    let mut members = vec![format!("\"tools\":{}", features(&[("listChanged", feature("tools", "listChanged"))]))];
    if any("prompts") {
        members.push(format!("\"prompts\":{}", features(&[("listChanged", feature("prompts", "listChanged"))])));
    }
    if any("resources") {
        let both =
            [("subscribe", feature("resources", "subscribe")), ("listChanged", feature("resources", "listChanged"))];
        members.push(format!("\"resources\":{}", features(&both)));
    }
    for plain in ["completions", "logging"] {
        if any(plain) {
            members.push(format!("\"{plain}\":{{}}"));
        }
    }
    members.extend(special(known, era));
    format!("{{{}}}", members.join(","))
}

fn features(features: &[(&str, bool)]) -> String {
    let set = features.iter().filter(|(_, has)| *has).map(|(name, _)| format!("\"{name}\":true"));
    format!("{{{}}}", set.collect::<Vec<_>>().join(","))
}

/// What only servers of the client's own era can give it: extensions, or tasks.
fn special(known: &[Known], era: Era) -> Option<String> {
    let of_era = known.iter().filter(|(_, verdict)| verdict.era == era);
    let said = of_era.filter_map(|(_, verdict)| verdict.capabilities.as_deref());
    match era {
        Era::Modern => {
            let mut extensions: BTreeMap<String, &str> = BTreeMap::new();
            for capabilities in said {
                let declared = splice::value(capabilities, "extensions").unwrap_or("{}");
                for member in splice::members(declared) {
                    extensions.entry(member.name.into_owned()).or_insert(&declared[member.value_span]);
                }
            }
            let members: Vec<String> =
                extensions.iter().map(|(name, raw)| format!("{}:{raw}", splice::quote(name))).collect();
            (!members.is_empty()).then(|| format!("\"extensions\":{{{}}}", members.join(",")))
        }
        // Tasks are asked about one by one: a client has no list of all that several servers have.
        Era::Legacy => said
            .filter_map(|capabilities| splice::value(capabilities, "tasks"))
            .find(|tasks| tasks.starts_with('{'))
            .map(|tasks| splice::Edit::new(tasks).remove_member(0..tasks.len(), "list").finish())
            .map(|tasks| format!("\"tasks\":{tasks}")),
    }
}

/// What the servers tell a model about their use: one server's as it is, several under their names. A raw string.
pub(crate) fn instructions(known: &[Known], alone: bool) -> Option<String> {
    let mut all = String::new();
    for (server, verdict) in known {
        let Some(said) = &verdict.instructions else { continue };
        if alone {
            return Some(splice::quote(said));
        }
        if all.len() + said.len() > MAX_INSTRUCTIONS {
            break;
        }
        if !all.is_empty() {
            all.push_str("\n\n");
        }
        all.push_str(&format!("# {}\n{said}", server.id));
    }
    (!all.is_empty()).then(|| splice::quote(&all))
}
