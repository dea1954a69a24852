//! What a model sees in Code Mode.
mod declare;
mod guide;
mod ident;
mod names;
mod search;
mod text;
mod toolset;
pub use declare::{Declaration, Detail, Shape, declare};
pub use guide::{GetToolDocs, Guide, Observed, ReadToolFile, SearchArguments, Told, ToolRef, UnknownTool};
pub use names::{Name, Names, ServerNames};
pub use search::Visible;
pub use toolset::{ToolSource, Toolset};
