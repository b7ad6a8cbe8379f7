//! Pages of lists: the body is the list as ever, the headers say how long it is and how it goes on.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue},
};

use crate::desk::views::Paged;

/// How many there are in all.
pub(super) const TOTAL: HeaderName = HeaderName::from_static("x-total-count");
/// What to name as `after` for the next page; absent on the last one.
pub(super) const NEXT: HeaderName = HeaderName::from_static("x-next");

/// A list with its headers.
pub(super) type Listed<T> = (HeaderMap, Json<Vec<T>>);

/// Answers with a page.
pub(super) fn listed<T>(page: Paged<T>) -> Listed<T> {
    let mut headers = HeaderMap::from_iter([(TOTAL, HeaderValue::from(page.total))]);
    // An id of ours is always fit for a header; one that is not ends the list rather than the answer.
    let next = page.next.and_then(|next| HeaderValue::try_from(next).ok());
    headers.extend(next.map(|next| (NEXT, next)));
    (headers, Json(page.items))
}
