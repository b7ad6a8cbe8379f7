//! The dashboard's own files, inside the binary; their addresses carry their digest, so they can be kept for ever.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

const STYLE: &str = include_str!("../assets/adjutant.css");
const SCRIPT: &str = include_str!("../assets/adjutant.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// Address and content type of each file.
static FILES: LazyLock<[(String, &'static str, &'static str); 3]> = LazyLock::new(|| {
    let named = |stem: &str, kind, text: &'static str| {
        let digest = blake3::hash(text.as_bytes()).to_hex();
        let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending);
        let stem = stem.trim_end_matches(ending).trim_end_matches('.');
        (format!("{stem}.{}.{ending}", &digest[..10]), kind, text)
    };
    [
        named("adjutant.css", "text/css; charset=utf-8", STYLE),
        named("adjutant.js", "text/javascript; charset=utf-8", SCRIPT),
        named("icon.svg", "image/svg+xml", ICON),
    ]
});

fn address(index: usize) -> String {
    format!("/assets/{}", FILES[index].0)
}

/// Returns the address of the style sheet.
pub(super) fn style() -> String {
    address(0)
}

/// Returns the address of the script.
pub(super) fn script() -> String {
    address(1)
}

/// Returns the address of the icon.
pub(super) fn icon_address() -> String {
    address(2)
}

/// Serves a file.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let found = FILES.iter().find(|(address, ..)| *address == name);
    match found {
        Some((_, kind, text)) => ([(header::CONTENT_TYPE, *kind)], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Serves the icon where browsers look for it by themselves.
pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}
