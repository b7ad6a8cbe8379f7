//! What reading a file needs to know besides the file.

use crate::{files::FileSet, value::Currency};

/// What reading a file needs to know besides the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cx<'a> {
    pub(crate) files: &'a FileSet,
    pub(crate) file: &'a str,
    pub(crate) currency: Currency,
}
