//! What any operation may answer, said in one place: these refusals come from the guard and the extractors, so no handler knows them.

use utoipa::openapi::{
    Components, Content, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema,
    path::{Operation, PathItem},
    request_body::RequestBody,
};

use crate::http::{Code, refusal::status};

/// Refusals of the guard, and of a store that is busy or damaged: any operation may answer so.
const ANYWHERE: [(Code, &str); 5] = [
    (Code::Unauthorized, "nobody is logged in, or the token lapsed"),
    (Code::Forbidden, "the login lacks the scope, or needs to be fresh"),
    (Code::TooMany, "too many requests; `retry-after` says when to come again"),
    (Code::Bug, "a part of the store is damaged or set aside; everything else goes on"),
    (Code::Unavailable, "not now; `retry-after` says when to come again"),
];

/// Completes the description that the handlers give of themselves.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    let components = api.components.take().unwrap_or_default();
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            describe(operation, path, &components);
        }
    }
    api.components = Some(components);
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn describe(operation: &mut Operation, path: &str, components: &Components) {
    for (code, words) in ANYWHERE {
        refuses(operation, code, words);
    }
    let names_something = path.contains('{');
    if names_something {
        refuses(operation, Code::NotFound, "what is named is not there");
    }
    if names_something || operation.parameters.is_some() || operation.request_body.is_some() {
        refuses(operation, Code::Invalid, "something given is wrong; the message names it");
    }
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    body.required = Some(if may_be_absent(body, components) { Required::False } else { Required::True });
    refuses(operation, Code::TooLarge, "the body is too long");
}

/// Adds a refusal, unless the handler says more of it.
fn refuses(operation: &mut Operation, code: Code, words: &str) {
    let status = status(code);
    let refusal = Content::new(Some(Ref::from_schema_name("Refusal")));
    let response = ResponseBuilder::new().description(words).content("application/json", refusal).build();
    operation.responses.responses.entry(status.as_str().to_owned()).or_insert_with(|| response.into());
}

/// A body none of whose fields must be there may be left out: it is read as `{}`.
fn may_be_absent(body: &RequestBody, components: &Components) -> bool {
    let name = body.content.get("application/json").and_then(|content| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => {
            schema.ref_location.strip_prefix("#/components/schemas/")
        }
        _ => None,
    });
    let schema = name.and_then(|name| components.schemas.get(name));
    matches!(schema, Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
}
