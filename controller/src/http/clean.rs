//! The one place that every answer leaves by: what others wrote acts neither on a browser nor on a terminal.
//!
//! Pages, JSON and plain texts are cleaned whole, after they were made: no handler can forget it. What Git and streams
//! of hints say goes through as it is, they carry nothing that others wrote.

use std::borrow::Cow;

use adjutant_spec::shown;
use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, header},
    response::Response,
};

/// What a kind of answer becomes.
type Cleaner = for<'a> fn(&'a str) -> Cow<'a, str>;

/// Cleans an answer.
pub(super) async fn answer(response: Response) -> Response {
    let Some(clean) = cleaner(response.headers()) else { return response };
    let (mut parts, body) = response.into_parts();
    // It was made in memory a moment ago: reading it again waits for nothing.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_else(|error| {
        tracing::error!(%error, "answer not read");
        Bytes::new()
    });
    match cleaned(&bytes, clean) {
        Some(shown) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(shown))
        }
        None => Response::from_parts(parts, Body::from(bytes)),
    }
}

fn cleaner(headers: &HeaderMap) -> Option<Cleaner> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => Some(shown::json),
        "text/html" | "text/plain" => Some(shown::text),
        _ => None,
    }
}

/// Returns what an answer becomes, where it becomes something else.
fn cleaned(bytes: &[u8], clean: Cleaner) -> Option<String> {
    match clean(std::str::from_utf8(bytes).ok()?) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(shown),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, response::IntoResponse as _};
    use serde_json::{Value, json};

    use super::*;

    const HOSTILE: &str = "Bob\u{202e}\u{9b}2J\u{200b}\n\u{1b}[2J";

    async fn left(response: Response) -> String {
        let body = answer(response).await.into_body();
        String::from_utf8(to_bytes(body, usize::MAX).await.expect("a body").to_vec()).expect("a text")
    }

    #[tokio::test]
    async fn json_means_the_same_and_nothing_in_it_acts() {
        let value = json!({ "name": HOSTILE });
        let text = left(Json(&value).into_response()).await;
        assert!(!text.chars().any(shown::is_hidden), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }

    #[tokio::test]
    async fn pages_and_texts_show_what_cannot_be_seen() {
        for kind in ["text/html; charset=utf-8", "text/plain"] {
            let page = ([(header::CONTENT_TYPE, kind)], HOSTILE.to_owned()).into_response();
            assert_eq!(left(page).await, "Bob\\u{202e}\\u{9b}2J\\u{200b}\n\\u{1b}[2J");
        }
    }

    #[tokio::test]
    async fn what_is_no_text_goes_through_as_it_is() {
        let pack = ([(header::CONTENT_TYPE, "application/x-git")], vec![0_u8, 0x1b, 0xff]).into_response();
        let body = answer(pack).await.into_body();
        assert_eq!(to_bytes(body, usize::MAX).await.expect("a body").as_ref(), [0, 0x1b, 0xff]);
    }
}
