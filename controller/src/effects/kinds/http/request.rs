//! From arguments to a request, as the verb's settings say.

use std::collections::BTreeSet;

use adjutant_spec::plan::{Connector, Effect, Idempotency};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::{Map, Value, json};
use url::Url;

use crate::effects::{
    credentials, expression,
    job::VerbJob,
    outcome::Fault,
    wire::{self, Request},
};

/// The largest answer, unless the connector says otherwise.
const MAX_RESPONSE: usize = 1024 * 1024;

const KEY_HEADER: &str = "Idempotency-Key";

/// Stands for every argument among the used ones; no argument has this name.
const ALL: &str = "*";

/// Builds the request of a call.
pub(super) fn build(job: &VerbJob<'_>) -> Result<Request, Fault> {
    // A run may pin an effect that the connector in force has no more: what it takes for a read must be one now.
    if job.call.effect == Effect::Read
        && let Some(why) = job.verb.hidden_change(&job.connector.settings)
    {
        return Err(Fault::invalid(format!("\"{}\" is called as a read, and {why}", job.call.verb)));
    }
    let context = json!({ "args": job.call.args, "effect": { "key": job.call.key } });
    let method = method(job)?;
    let mut used = BTreeSet::new();
    let mut url = url(job, &mut used)?;
    query(job, &context, &mut url, &mut used)?;
    let mut headers = HeaderMap::new();
    for table in
        [job.connector.settings.get("headers"), job.verb.settings.get("headers")].into_iter().flatten()
    {
        named_headers(table, &context, &mut headers)?;
        named_in(table, &mut used);
    }
    credentials::authorise(job.connector, job.secret.as_ref(), &mut headers)?;
    if job.call.idempotency == Idempotency::NativeKey {
        wire::header(&mut headers, key_header(job), &job.call.key)?;
    }
    let body = body(job, &context, &mut used, &method)?;
    nothing_is_left_over(job, &used)?;
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

/// A list of argument names, or a table of templates. A list is repeated; absent and null arguments are left out.
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
                pairs.extend(repeated(name, job.call.args.get(name).unwrap_or(&Value::Null))?);
            }
        }
        Some(Value::Object(templates)) => {
            for (name, template) in templates {
                named_in(template, used);
                pairs.extend(repeated(name, &expression::render(template, context)?)?);
            }
        }
        Some(_) => return Err(Fault::invalid("`query` is a list of arguments or a table of templates")),
    }
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(())
}

/// One pair for a single value, one for each item of a list. What a query cannot say is refused: a filter that is dropped
/// without a word would let the call touch everything.
fn repeated(name: &str, value: &Value) -> Result<Vec<(String, String)>, Fault> {
    let cannot = |what: &str| {
        Fault::invalid(format!(
            "argument \"{name}\" is {what}, which a query cannot say: give it a text or a list of texts"
        ))
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(_) => Err(cannot("a table")),
        Value::Array(items) if items.is_empty() => Err(cannot("an empty list")),
        Value::Array(items) => {
            let pairs = items.iter().map(|item| scalar(item).map(|text| (name.to_owned(), text)));
            pairs.collect::<Option<_>>().ok_or_else(|| cannot("a list with more than single values in it"))
        }
        single => Ok(scalar(single).map(|text| (name.to_owned(), text)).into_iter().collect()),
    }
}

/// Notes the arguments that a setting's templates read; one that reads them as a whole reads all.
fn named_in(setting: &Value, used: &mut BTreeSet<String>) {
    match setting {
        Value::String(text) => {
            for (at, _) in text.match_indices("args") {
                let rest = &text[at + "args".len()..];
                let name = rest.strip_prefix('.').map(|rest| {
                    rest.chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect::<String>()
                });
                used.insert(name.unwrap_or_else(|| ALL.to_owned()));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named_in(item, used)),
        Value::Object(fields) => fields.values().for_each(|field| named_in(field, used)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What was given and stands nowhere in the request is refused: whoever gave it thinks that it counts.
fn nothing_is_left_over(job: &VerbJob<'_>, used: &BTreeSet<String>) -> Result<(), Fault> {
    if used.contains(ALL) {
        return Ok(());
    }
    let given = job.call.args.as_object().into_iter().flatten();
    let left: Vec<&str> = given
        .filter(|(name, value)| !value.is_null() && !used.contains(name.as_str()))
        .map(|(name, _)| name.as_str())
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(Fault::invalid(format!(
        "argument \"{}\" of \"{}\" stands nowhere in its `path`, `query`, `headers` or `body`, so it would be dropped",
        left.join("\", \""),
        job.call.verb
    )))
}

fn named_headers(setting: &Value, context: &Value, headers: &mut HeaderMap) -> Result<(), Fault> {
    for (name, template) in setting.as_object().into_iter().flatten() {
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
    used: &mut BTreeSet<String>,
    method: &Method,
) -> Result<Option<Value>, Fault> {
    match job.verb.settings.get("body") {
        Some(Value::String(word)) if word == "none" => Ok(None),
        Some(template) => {
            named_in(template, used);
            expression::render(template, context).map(Some)
        }
        None if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
            let args = job.call.args.as_object().cloned().unwrap_or_default();
            let rest: Map<_, _> = args.into_iter().filter(|(name, _)| !used.contains(name)).collect();
            used.insert(ALL.to_owned());
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

/// Nested values are written as Stripe and PHP read them: `a[b]=c`, `a[0]=c`. Null is left out; an empty list or table has no
/// form and is refused.
fn form(body: &Value) -> Result<Vec<u8>, Fault> {
    let fields = body.as_object().ok_or_else(|| Fault::invalid("a form's `body` is a table"))?;
    let mut pairs = Vec::new();
    for (name, value) in fields {
        flatten(name, value, &mut pairs)?;
    }
    Ok(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes())
}

fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) -> Result<(), Fault> {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().try_for_each(|(inner, value)| flatten(&format!("{name}[{inner}]"), value, pairs))
        }
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| flatten(&format!("{name}[{index}]"), value, pairs)),
        Value::Object(_) | Value::Array(_) => Err(Fault::invalid(format!(
            "field \"{name}\" is an empty list or table, which a form cannot say: leave it out, or use `encoding = \"json\"`"
        ))),
        single => {
            pairs.extend(scalar(single).map(|text| (name.to_owned(), text)));
            Ok(())
        }
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
        for empty in [json!({ "a": [] }), json!({ "a": {} }), json!({ "a": { "b": [] } })] {
            assert!(form(&empty).is_err(), "{empty}");
        }
    }

    #[test]
    fn a_query_says_all_of_an_argument_or_is_refused() {
        let pairs = |value: Value| {
            repeated("tags", &value).map(|pairs| pairs.into_iter().map(|(_, text)| text).collect::<Vec<_>>())
        };
        assert_eq!(pairs(json!(["a", 2, true])), Ok(vec!["a".into(), "2".into(), "true".into()]));
        assert_eq!(pairs(json!("a")), Ok(vec!["a".into()]));
        assert_eq!(pairs(Value::Null), Ok(vec![]));
        for value in [json!([]), json!({}), json!({ "a": 1 }), json!([["a"]]), json!(["a", null])] {
            assert!(pairs(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn the_arguments_that_a_setting_reads_are_found() {
        let used = |setting: Value| {
            let mut used = BTreeSet::new();
            named_in(&setting, &mut used);
            used.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(
            used(json!({ "a": "{{ args.one }} {{ args.two_x|upper }}", "b": ["{{args.three}}"] })),
            ["one", "three", "two_x"]
        );
        for whole in ["{{ args }}", "{{ args | tojson }}", "{{ args['one'] }}"] {
            assert_eq!(used(json!(whole)), [ALL], "{whole}");
        }
    }
}
