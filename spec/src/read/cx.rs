//! What reading a file needs to know besides the file.

use super::parsed::Files;
use crate::value::Currency;

/// What reading a file needs to know besides the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cx<'a> {
    pub(crate) files: &'a Files<'a>,
    pub(crate) file: &'a str,
    pub(crate) currency: Currency,
}
