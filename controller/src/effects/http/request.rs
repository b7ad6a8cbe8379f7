//! From arguments to a request, as the verb's settings say.

use std::collections::BTreeSet;

use adjutant_spec::plan::{Connector, Effect, Idempotency};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};
use url::Url;

use super::super::{
    connectors::VerbJob,
    expression,
    outcome::Fault,
    secrets::Secret,
    wire::{self, Request},
};

/// The largest answer, unless the connector says otherwise.
const MAX_RESPONSE: usize = 1024 * 1024;

const KEY_HEADER: &str = "Idempotency-Key";

/// Builds the request of a call.
pub(super) fn build(job: &VerbJob<'_>) -> Result<Request, Fault> {
    let context = json!({ "args": job.call.args, "effect": { "key": job.call.key } });
    let method = method(job)?;
    let mut used = BTreeSet::new();
    let mut url = url(job, &mut used)?;
    query(job, &context, &mut url, &mut used)?;
    let mut headers = HeaderMap::new();
    named_headers(job.connector.settings.get("headers"), &context, &mut headers)?;
    named_headers(job.verb.settings.get("headers"), &context, &mut headers)?;
    authorise(job.connector, job.secret.as_ref(), &mut headers)?;
    if job.call.idempotency == Idempotency::NativeKey {
        wire::header(&mut headers, key_header(job), &job.call.key)?;
    }
    let body = body(job, &context, &used, &method)?;
    let body = body.map(|body| encoded(job, &body, &mut headers)).transpose()?;
    Ok(Request {
        method,
        url,
        headers,
        body,
        timeout: job.timeout,
        max_response: max_response(job.connector),
    })
}

/// Adds the secret as the connector's `auth` says.
pub(in crate::effects) fn authorise(
    connector: &Connector,
    secret: Option<&Secret>,
    headers: &mut HeaderMap,
) -> Result<(), Fault> {
    let Some(secret) = secret else { return Ok(()) };
    match connector.settings.get("auth").and_then(Value::as_str).unwrap_or("bearer") {
        "bearer" => {
            headers.insert(AUTHORIZATION, wire::secret_value(&format!("Bearer {}", secret.expose()))?);
        }
        "basic" => {
            let encoded = STANDARD.encode(secret.expose());
            headers.insert(AUTHORIZATION, wire::secret_value(&format!("Basic {encoded}"))?);
        }
        "header" => {
            let name = connector.settings.get("auth_header").and_then(Value::as_str).unwrap_or("X-Api-Key");
            let name: HeaderName =
                name.parse().map_err(|_| Fault::invalid(format!("\"{name}\" is no name of a header")))?;
            headers.insert(name, wire::secret_value(secret.expose())?);
        }
        "none" => {}
        other => {
            return Err(Fault::invalid(format!("`auth` is bearer, basic, header or none, not \"{other}\"")));
        }
    }
    Ok(())
}

fn key_header<'a>(job: &'a VerbJob<'_>) -> &'a str {
    let named = job.verb.settings.get("key_header").or_else(|| job.connector.settings.get("key_header"));
    named.and_then(Value::as_str).unwrap_or(KEY_HEADER)
}

fn max_response(connector: &Connector) -> usize {
    let set = connector.settings.get("max_response").and_then(Value::as_u64);
    set.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(MAX_RESPONSE)
}

fn method(job: &VerbJob<'_>) -> Result<Method, Fault> {
    let default = if job.verb.effect == Effect::Read { "GET" } else { "POST" };
    let name = job.verb.settings.get("method").and_then(Value::as_str).unwrap_or(default).to_uppercase();
    match name.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => {
            Method::from_bytes(name.as_bytes()).map_err(|_| Fault::invalid("`method` is no HTTP method"))
        }
        _ => {
            Err(Fault::invalid(format!("`method` is GET, HEAD, POST, PUT, PATCH or DELETE, not \"{name}\"")))
        }
    }
}

/// The endpoint followed by the path; `{name}` is an argument, encoded so that it stays one segment.
fn url(job: &VerbJob<'_>, used: &mut BTreeSet<String>) -> Result<Url, Fault> {
    let endpoint = job.endpoint()?.trim_end_matches('/');
    let template = job.verb.settings.get("path").and_then(Value::as_str).unwrap_or_default();
    let path = filled(template, &job.call.args, used)?;
    let text = if path.is_empty() || path.starts_with('/') {
        format!("{endpoint}{path}")
    } else {
        format!("{endpoint}/{path}")
    };
    let url = Url::parse(&text)
        .map_err(|error| Fault::invalid(format!("the endpoint and path are no URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::invalid("an endpoint carries no password: put it into a secret"));
    }
    Ok(url)
}

fn filled(template: &str, args: &Value, used: &mut BTreeSet<String>) -> Result<String, Fault> {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| Fault::invalid(format!("`path` \"{template}\" has a `{{` without its `}}`")))?;
        path.push_str(before);
        path.push_str(&segment(name, args)?);
        used.insert(name.to_owned());
        rest = after;
    }
    path.push_str(rest);
    Ok(path)
}

fn segment(name: &str, args: &Value) -> Result<String, Fault> {
    let text = args.get(name).and_then(scalar).ok_or_else(|| {
        Fault::invalid(format!("`path` needs argument \"{name}\", which is missing or no single value"))
    })?;
    // A dot segment survives encoding and would climb out of the path that the repository declares.
    if text.is_empty() || text.chars().all(|one| one == '.') {
        return Err(Fault::invalid(format!("argument \"{name}\" cannot stand in a path")));
    }
    Ok(percent(&text))
}

fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A list of argument names, or a table of templates; absent and null ones are left out.
fn query(
    job: &VerbJob<'_>,
    context: &Value,
    url: &mut Url,
    used: &mut BTreeSet<String>,
) -> Result<(), Fault> {
    let mut pairs = Vec::new();
    match job.verb.settings.get("query") {
        None => return Ok(()),
        Some(Value::Array(names)) => {
            for name in names.iter().filter_map(Value::as_str) {
                used.insert(name.to_owned());
                pairs.extend(job.call.args.get(name).and_then(scalar).map(|text| (name.to_owned(), text)));
            }
        }
        Some(Value::Object(templates)) => {
            for (name, template) in templates {
                let value = expression::render(template, context)?;
                used.extend(arguments_in(template));
                pairs.extend(scalar(&value).map(|text| (name.clone(), text)));
            }
        }
        Some(_) => return Err(Fault::invalid("`query` is a list of arguments or a table of templates")),
    }
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(())
}

fn arguments_in(template: &Value) -> Vec<String> {
    let text = template.as_str().unwrap_or_default();
    text.split("args.")
        .skip(1)
        .map(|rest| rest.chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect())
        .collect()
}

fn named_headers(setting: Option<&Value>, context: &Value, headers: &mut HeaderMap) -> Result<(), Fault> {
    let Some(table) = setting.and_then(Value::as_object) else { return Ok(()) };
    for (name, template) in table {
        let value = expression::render(template, context)?;
        let text =
            scalar(&value).ok_or_else(|| Fault::invalid(format!("header \"{name}\" has no single value")))?;
        wire::header(headers, name, &text)?;
    }
    Ok(())
}

fn body(
    job: &VerbJob<'_>,
    context: &Value,
    used: &BTreeSet<String>,
    method: &Method,
) -> Result<Option<Value>, Fault> {
    match job.verb.settings.get("body") {
        Some(Value::String(word)) if word == "none" => Ok(None),
        Some(template) => expression::render(template, context).map(Some),
        None if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
            let args = job.call.args.as_object().cloned().unwrap_or_default();
            let rest: Map<_, _> = args.into_iter().filter(|(name, _)| !used.contains(name)).collect();
            Ok(Some(Value::Object(rest)))
        }
        None => Ok(None),
    }
}

fn encoded(job: &VerbJob<'_>, body: &Value, headers: &mut HeaderMap) -> Result<Vec<u8>, Fault> {
    match job.verb.settings.get("encoding").and_then(Value::as_str).unwrap_or("json") {
        "json" => {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            Ok(body.to_string().into_bytes())
        }
        "form" => {
            headers
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/x-www-form-urlencoded"));
            form(body)
        }
        other => Err(Fault::invalid(format!("`encoding` is json or form, not \"{other}\""))),
    }
}

/// Nested values are written as Stripe and PHP read them: `a[b]=c`, `a[0]=c`.
fn form(body: &Value) -> Result<Vec<u8>, Fault> {
    let fields = body.as_object().ok_or_else(|| Fault::invalid("a form's `body` is a table"))?;
    let mut pairs = Vec::new();
    for (name, value) in fields {
        flatten(name, value, &mut pairs);
    }
    Ok(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes())
}

fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(inner, value)| flatten(&format!("{name}[{inner}]"), value, pairs));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| flatten(&format!("{name}[{index}]"), value, pairs));
        }
        single => pairs.extend(scalar(single).map(|text| (name.to_owned(), text))),
    }
}

/// Returns a text, number or boolean as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_stays_inside_its_path_segment() {
        let args = json!({ "id": "a/../b?x#y z", "n": 7, "up": "..", "list": [] });
        let mut used = BTreeSet::new();
        assert_eq!(
            filled("/v1/{id}/void/{n}", &args, &mut used).unwrap(),
            "/v1/a%2F..%2Fb%3Fx%23y%20z/void/7"
        );
        assert_eq!(used, BTreeSet::from(["id".to_owned(), "n".to_owned()]));
        for template in ["/{up}", "/{list}", "/{missing}", "/{open"] {
            assert!(filled(template, &args, &mut used).is_err(), "{template}");
        }
    }

    #[test]
    fn a_form_writes_nested_values_in_brackets() {
        let body = json!({ "a": { "b": 1, "c": ["x y", true] }, "gone": null });
        assert_eq!(form(&body).unwrap(), b"a%5Bb%5D=1&a%5Bc%5D%5B0%5D=x+y&a%5Bc%5D%5B1%5D=true");
        assert!(form(&json!([1])).is_err());
    }
}
