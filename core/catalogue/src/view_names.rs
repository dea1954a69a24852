//! The names of tools and prompts in a view. They depend on what the view offers and not on who asks, so that a name means the same
//! thing for everybody.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use toolgate_model::{ItemKind, Prefix, ServerId, ViewRecord, ViewServer};
use toolgate_state::Server;

use crate::{
    catalogue::{Catalogue, Listed},
    names::{MAX_EXPOSED, SEPARATOR},
};

/// An item of a server: its upstream name.
type Of = (ServerId, String);

/// The names of one kind in one view.
#[derive(Debug, Default)]
pub(crate) struct ViewNames {
    /// The name under which an item is listed. One that is missing is listed nowhere, since its name is not its alone.
    listed: BTreeMap<Of, String>,
    found: BTreeMap<String, Of>,
    /// Names that several servers have.
    ambiguous: BTreeMap<String, BTreeSet<ServerId>>,
}

/// What a name stands for.
pub(crate) enum Named<'a> {
    One(&'a Of),
    Several(&'a BTreeSet<ServerId>),
    Nothing,
}

impl ViewNames {
    pub(crate) fn new(view: &ViewRecord, kind: ItemKind, catalogues: &[(Rc<Server>, Rc<Catalogue>)]) -> Self {
        let mut wished: BTreeMap<String, BTreeSet<Of>> = BTreeMap::new();
        let mut prefixed: Vec<(Of, String)> = Vec::new();
        for (server, catalogue) in catalogues {
            let Some(shown) = view.servers.get(&server.id) else { continue };
            for item in catalogue.items.iter().filter(|item| shown.shows(kind.item(&item.name))) {
                let of = (server.id.clone(), item.name.clone());
                let (bare, long) = names_of(server, shown, item);
                if view.prefix != Prefix::Always {
                    wished.entry(bare).or_default().insert(of.clone());
                }
                prefixed.push((of, long));
            }
        }
        let mut names = Self::default();
        for (name, owners) in wished {
            let servers: BTreeSet<ServerId> = owners.iter().map(|(server, _)| server.clone()).collect();
            match owners.into_iter().next() {
                Some(only) if servers.len() == 1 => {
                    names.listed.insert(only.clone(), name.clone());
                    names.found.insert(name, only);
                }
                _ => {
                    names.ambiguous.insert(name, servers);
                }
            }
        }
        for (of, long) in prefixed {
            if view.prefix != Prefix::Never {
                names.listed.entry(of.clone()).or_insert_with(|| long.clone());
            }
            names.found.entry(long).or_insert(of);
        }
        names
    }

    /// The name under which an item is listed.
    pub(crate) fn listed(&self, server: &ServerId, item: &str) -> Option<&str> {
        // The pair is what the map is ordered by; a borrowed one can't be asked for without making it.
        self.listed.get(&(server.clone(), item.to_owned())).map(String::as_str)
    }

    /// What `name` stands for: a listed name, or one with its server's name before it.
    pub(crate) fn find(&self, name: &str) -> Named<'_> {
        match (self.found.get(name), self.ambiguous.get(name)) {
            (Some(of), _) => Named::One(of),
            (None, Some(servers)) => Named::Several(servers),
            (None, None) => Named::Nothing,
        }
    }

    /// The names that are listed for nobody, because several servers have them.
    pub(crate) fn left_out(&self, prefix: Prefix) -> Vec<String> {
        if prefix == Prefix::Never { self.ambiguous.keys().cloned().collect() } else { Vec::new() }
    }
}

/// The bare and the prefixed name of an item in a view.
fn names_of(server: &Server, shown: &ViewServer, item: &Listed) -> (String, String) {
    let prefix = format!("{}{SEPARATOR}", server.id);
    if let Some(renamed) = shown.rename.get(&item.name) {
        return (renamed.clone(), format!("{prefix}{renamed}"));
    }
    let long = item.exposed.clone();
    let part = long.strip_prefix(&prefix).unwrap_or(&long);
    let aliased = server.aliases.contains_key(&item.name);
    let usable = (1..=MAX_EXPOSED).contains(&item.name.len())
        && item.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte));
    let bare = if usable && !aliased { item.name.clone() } else { part.to_owned() };
    (bare, long)
}
