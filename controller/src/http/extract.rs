//! Extractors whose refusals speak our one JSON form.

use std::collections::BTreeMap;

use adjutant_spec::value::from_outside;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{App, Code, Refusal, auth::Principal};

/// A JSON body; an empty one counts as `{}`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| unread(&rejection))?;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes };
        from_outside(&bytes)
            .and_then(|value| {
                // A list would be read as the fields in their order: nobody means that.
                if !value.is_object() {
                    return Err(no_object());
                }
                // A number that would lose digits is kept as a text. It is none: the types are those of what was sent.
                drop(serde_json::from_slice::<T>(&bytes)?);
                serde_json::from_value(value)
            })
            .map(Self)
            .map_err(|error| Refusal::invalid(format!("the body is not what is expected here: {error}")))
    }
}

fn no_object() -> serde_json::Error {
    serde::de::Error::custom("it is no JSON object")
}

/// Returns the refusal of a body that could not be read.
pub(super) fn unread(rejection: &BytesRejection) -> Refusal {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Refusal::new(
            Code::TooLarge,
            format!("the body has more than {} bytes", super::app::LONGEST_BODY),
        );
    }
    Refusal::invalid("the body could not be read")
}

/// Query parameters.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(asked)| Self(asked))
            .map_err(|rejection| Refusal::invalid(rejection.body_text()))
    }
}

/// A form of our own pages: it carries the session's mark, so no other site can have written it.
pub(super) struct Form {
    /// Who sends it.
    pub(super) who: Principal,
    fields: Vec<(String, String)>,
}

impl FromRequest<App> for Form {
    type Rejection = Refusal;

    async fn from_request(mut request: Request, app: &App) -> Result<Self, Refusal> {
        let who =
            request.extensions_mut().get::<Principal>().cloned().ok_or_else(super::auth::unauthorized)?;
        let fields = Fields::from_request(request, app).await?.0;
        let form = Self { who, fields };
        if let Some(session) = &form.who.session
            && form.text("csrf") != Some(&session.csrf)
        {
            return Err(Refusal::forbidden("the form is too old").help("load the page again and repeat"));
        }
        Ok(form)
    }
}

impl Form {
    /// Returns a field that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.trim().is_empty())
    }

    /// Returns a field that must be there.
    ///
    /// # Errors
    /// [`Code::Invalid`] naming it.
    pub(super) fn must(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::invalid(format!("the field \"{name}\" is empty")))
    }

    /// Returns the fields whose names begin so, without the beginning; the last of equal names counts.
    pub(super) fn group(&self, prefix: &str) -> BTreeMap<&str, &str> {
        let fields = self.fields.iter();
        fields.filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value.as_str()))).collect()
    }
}

/// The fields of any form, in order, with line ends as written in files: browsers send CRLF.
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl FromRequest<App> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| unread(&rejection))?;
        let pairs = url::form_urlencoded::parse(&bytes);
        Ok(Self(pairs.map(|(key, value)| (key.into_owned(), value.replace("\r\n", "\n"))).collect()))
    }
}
