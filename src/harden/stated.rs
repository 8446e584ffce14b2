//! What a template says of its image that the image's own files do not show.

use crate::expect::fact::Listener;
use crate::path::ImagePath;

/// What some rules compare an image with; whoever has no template at hand cannot know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// `[segment] category` (`frontend`).
    pub category: Option<String>,
    /// `[verify.facts] listen`: the sockets that may listen.
    pub listen: Option<Vec<Listener>>,
    /// The packet filter that `[segment]` compiles to; `None` where it leaves output open, or where files
    /// of the template's own stand in its place or beside it.
    pub filter: Option<Filter>,
}

/// A packet filter as it lies in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The file.
    pub path: ImagePath,
    /// What it says.
    pub text: String,
    /// Directories whose files it includes; the template states none.
    pub included: Vec<ImagePath>,
}
