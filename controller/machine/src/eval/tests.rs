//! What templates calculate, and what they may cost.

use adjutant_spec::value::Template;
use serde_json::{Value, json};

use super::Scope;

fn scope() -> Scope<'static> {
    Scope::of_fields(&json!({
        "company": { "name": "Studio", "currency": "EUR" },
        "input": {
            "price": 19.99, "hours": 7.5, "flat": 1200.0, "count": 3, "id": 9_007_199_254_740_993_i64, "text": "12.50",
            "items": [{ "sum": 0.1, "name": "b" }, { "sum": 0.2, "name": "A" }], "name": "Eva", "none": null, "big": 1e300,
        },
    }))
}

fn text(source: &str) -> String {
    let template = Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    scope().text(&template).unwrap_or_else(|error| error.to_string())
}

fn value(source: &str) -> Result<Value, String> {
    let template = Template::parse(source).map_err(|error| error.to_string())?;
    scope().render(&template).map_err(|error| error.problem)
}

#[test]
fn numbers_are_decimals() {
    for (source, is) in [
        ("{{ 302.00 * 0.2 }}", "60.40"),
        ("{{ (19.99*100)|int }}", "1999"),
        ("{{ (input.price * 100) | int }}", "1999"),
        ("{{ 1200.00 * 0.3 }}", "360.00"),
        ("{{ 0.1 + 0.2 }}", "0.3"),
        ("{{ input.items | sum(attribute='sum') }}", "0.3"),
        ("{{ 1.1 * 1.1 }}", "1.21"),
        ("{{ input.flat }}", "1200"),
        ("{{ input.flat * 0.3 }} EUR", "360 EUR"),
        ("{{ input.price * input.hours }}", "149.925"),
        (
            "{{ 10 / 4 }} {{ 10 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7.5 // 2 }} {{ -7 % 3 }} {{ 7.5 % 2 }}",
            "2.5 5 3 -4 3 2 1.5",
        ),
        ("{{ 2 ** 10 }} {{ 1.05 ** 2 }} {{ 2 ** -1 }}", "1024 1.1025 0.5"),
        ("{{ 2.5|round }} {{ 3.5|round }} {{ -2.5|round }} {{ 2.5|round(0, 'even') }}", "3 4 -3 2"),
        (
            "{{ 1.005|round(2) }} {{ 2.5|round(2) }} {{ 1234|round(-2) }} {{ 1250|round(-2) }}",
            "1.01 2.50 1200 1300",
        ),
        ("{{ 2.1|round(0, 'ceil') }} {{ -2.1|round(0, 'floor') }}", "3 -3"),
        ("{{ -3.5|abs }} {{ 3.9|int }} {{ '3.9'|int }} {{ input.text|float * 2 }}", "3.5 3 3 25.00"),
        ("{{ [1.5, 1, 1.25]|min }} {{ [1.5, 1, 1.25]|max }} {{ [1.5, 1]|sort }}", "1 1.5 [1, 1.5]"),
        (
            "{{ 1.0 == 1 }} {{ 0.1 + 0.2 == 0.3 }} {{ 1 < 1.5 <= 1.5 }} {{ 2.0 in [1, 2] }}",
            "True True True True",
        ),
        ("{{ [10, 20][1] }} {{ [10, 20][2/2] }} {{ [10, 20][-1] }} {{ 'abc'[0:2] }}", "20 20 20 ab"),
        ("{% for x in [1, 2] %}{{ loop.index * 0.5 }} {% endfor %}", "0.5 1 "),
        ("{{ input.id + 1 }}", "9007199254740994"),
        ("no {{ 123456789012345678901234567 + 1 }}", "no 123456789012345678901234568"),
        ("{{ 0.1 + 0.2 }}", "0.3"),
        ("{{ 'x' if 0.0 else 'y' }}", "y"),
        ("{{ '%.2f|%05d|%-4s|%+d|%x' | format(2.345, 42, 'a', 7, 255) }}", "2.35|00042|a   |+7|ff"),
    ] {
        assert_eq!(text(source), is, "{source}");
    }
}

#[test]
fn money_and_shares_are_written_with_their_digits() {
    for (source, is) in [
        ("{{ 1200 | money }}", "1200.00 EUR"),
        ("{{ input.flat * 0.3 | money }}", "there is no"),
        ("{{ (input.flat * 0.3) | money }}", "360.00 EUR"),
        ("{{ 20.005 | money }}", "20.01 EUR"),
        ("{{ -20.005 | money('USD') }}", "-20.01 USD"),
        ("{{ 1050.5 | money('JPY') }}", "1051 JPY"),
        ("{{ 1 | money(currency='KWD') }}", "1.000 KWD"),
        ("{{ '20.5 EUR' | money }}", "20.50 EUR"),
        ("{{ '20.5' | money }}", "20.50 EUR"),
        ("{{ '20.5 EUR' | money('USD') }}", "is not in the currency"),
        ("{{ 1 | money('EUX') }}", "did you mean EUR?"),
        ("{{ '20.005 EUR' | money }}", "2 digits after the point"),
        ("{{ 0.2 | percent }} {{ 0.125 | percent }} {{ 0.333333 | percent(1) }}", "20 % 12.5 % 33.3 %"),
    ] {
        let written = text(source);
        assert!(written.contains(is), "{source}: {written}");
    }
}

#[test]
fn a_number_that_is_passed_on_prints_the_same() {
    for (source, is) in [
        ("{{ input.price }}", json!(19.99)),
        ("{{ input.price * 100 }}", json!(1999)),
        ("{{ input.flat }}", json!(1200)),
        ("{{ 302.00 * 0.2 }}", json!(60.4)),
        ("{{ input.id }}", json!(9_007_199_254_740_993_i64)),
        ("{{ input.count }}", json!(3)),
        ("{{ input.big }}", json!(1e300)),
        ("{{ [input.price, {'a': 0.1 + 0.2}] }}", json!([19.99, { "a": 0.3 }])),
        ("{{ input.none }}", Value::Null),
    ] {
        assert_eq!(value(source), Ok(is), "{source}");
    }
    for source in ["{{ 10 / 3 }}", "{{ 123456789012345678901234567 + 1 }}", "{{ 0.1234567890123456789 }}"] {
        let refused = value(source).expect_err(source);
        assert!(refused.contains("more digits than a JSON number carries"), "{source}: {refused}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_never_guessed() {
    for (source, why) in [
        ("{{ 1 / 0 }}", "divides by zero"),
        ("{{ 1.5 % 0 }}", "divides by zero"),
        ("{{ 10 ** 400 }}", "more digits"),
        ("{{ 10 ** 100000000000 }}", "more digits"),
        ("{{ input.text + 1 }}", "a text becomes a number by `float`"),
        ("{{ input.text < 20 }}", "there is no text < number"),
        ("{{ input.none > 20 }}", "there is no null > number"),
        ("{{ input.big * 2 }}", "too large to calculate with"),
        ("{{ input.nope }}", "undefined"),
        ("{{ input.nope * 2 }}", "undefined value"),
        ("{{ input.nope.more }}", "undefined value"),
        ("{{ 'abc' | int }}", "\"abc\" is no number"),
    ] {
        let refused = value(source).expect_err(source);
        assert!(refused.contains(why), "{source}: {refused}");
    }
}

/// Templates that copy what they have, each by another operation, until something stops them.
const GROWING: [&str; 40] = [
    "{{ 'x' * 100000000 }}",
    "{{ 100000000 * ['x'] }}",
    "{{ ['x'] * 100000000 }}",
    "{{ (('x' * 100000) * 100000) | length }}",
    "{% set x = 'abcdefgh' * 10000 %}{{ x * 10000 }}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x={}) %}{% for i in range(60) %}{% set ns.x = {'a': ns.x, 'b': ns.x} %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x | replace('x', 'xx') %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
    "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = m(ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = '%s%s' | format(ns.x, ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] | join %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] | string %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] | tojson %}{% endfor %}",
    "{% set ns = namespace(x='&') %}{% for i in range(60) %}{% set ns.x = ns.x | replace('&', '&&') %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% filter upper %}{{ ns.x }}{% set ns.x = ns.x ~ ns.x %}{% endfilter %}{% endfor %}",
    "{% set x = 'x' * 1000000 %}{% for i in range(10000) %}{{ x }}{% endfor %}",
    "{% set x = 'x' * 1000000 %}{% for i in range(10000) %}{% set y %}{{ x }}{% endset %}{% endfor %}",
    "{% set x = 'x' * 1000000 %}{{ range(10000) | join(x) }}",
    "{% set x = 'x' * 1000000 %}{{ range(10000) | map('replace', '', x) | list }}",
    "{% set x = 'x' * 1000000 %}{{ x | replace('', x) }}",
    "{% set x = '\\n' * 1000000 %}{{ x | indent(1000, true, true) }}",
    "{{ 'x' | indent(100000000, true) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%.1000000000f' | format(1) }}",
    "{{ '%.65536f' | format(1.5) }}",
    "{% for i in range(2000) %}{{ [1] | batch(100000, 0) | length }}{% endfor %}",
    "{% for i in range(2000) %}{{ [1] | slice(100000, 0) | length }}{% endfor %}",
    "{{ range(100000000000) }}",
    "{% set ns = namespace(x=[]) %}{% for i in range(10000) %}{% set ns.x = ns.x + [range(90000) | list] %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% set x = 'x' * 1000000 %}{% for i in range(40000) %}{{ 'y' in x }}{% endfor %}",
    "{% set x = range(90000) | list %}{% for i in range(40000) %}{{ x | sort | first }}{% endfor %}",
    "{% set x = range(90000) | list %}{% for i in range(40000) %}{{ x == x }}{{ x | sum }}{% endfor %}",
    "{% set x = range(90000) | list %}{% macro m() %}{% endmacro %}{% for i in range(40000) %}{{ m(*x) }}{% endfor %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
];

#[test]
fn whatever_grows_is_stopped() {
    for source in GROWING {
        let refused = value(source).expect_err(source);
        let is_bound = [
            "makes more than",
            "too much work",
            "too many",
            "at most",
            "up to",
            "has more than",
            "nest more",
            "recursion",
        ];
        assert!(is_bound.iter().any(|bound| refused.contains(bound)), "{source}: {refused}");
    }
}

#[test]
fn what_could_hold_itself_is_not_kept() {
    for source in [
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns.x }}",
        "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}",
        "{% set ns = namespace() %}{% for i in [1] %}{% set ns.x = loop %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace() %}{% set ns.x = namespace(a=ns) %}{{ ns.x }}",
        "{% macro m() %}{% endmacro %}{{ [m] }}",
        "{% set ns = namespace(a=1) %}{{ ns }}",
        "{{ 'a' | map('map', 'map', 'map', 'map', 'map', 'map', 'map', 'map', 'map', 'map', 'upper') | list }}",
    ] {
        assert!(value(source).is_err(), "{source}");
    }
}

#[test]
fn blocks_macros_and_filters_do_what_they_say() {
    for (source, is) in [
        (
            "{% for x in input.items if x.sum > 0.1 %}{{ loop.index }}{{ x.name }}{% else %}none{% endfor %}",
            "1A",
        ),
        ("{% for a, b in [[1, 2], [3, 4]] %}{{ a }}-{{ b }} {% endfor %}", "1-2 3-4 "),
        ("{% for k, v in {'a': 1, 'b': 2} | items %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
        ("{% set a, b = 1, 2 %}{{ a + b }}", "3"),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x * 2 }}", "a1a1"),
        ("{% set x | upper %}a{% endset %}{{ x }}", "A"),
        ("{% filter replace('a', 'b') | upper %}aa{% endfilter %}", "BB"),
        ("{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}", "12"),
        (
            "{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ caller() if caller is defined }}]{% endmacro %}{{ m(1) }}{% call m(3, b=4) %}x{% endcall %}",
            "[12][34x]",
        ),
        ("{% for x in [1, [2]] recursive %}{{ x if x is number else loop(x) }}{% endfor %}", "12"),
        ("{{ input.items | map(attribute='name') | sort | join('/') }}", "A/b"),
        ("{{ input.items | selectattr('sum', '>', 0.15) | map(attribute='name') | first }}", "A"),
        (
            "{{ ['a', 'A', 'b'] | unique | join }} {{ [3, 1, 2] | sort(reverse=true) | join(',') }}",
            "ab 3,2,1",
        ),
        (
            "{{ input.items | groupby('name') | length }} {{ [1, 2, 3] | batch(2, 0) | list }}",
            "2 [[1, 2], [3, 0]]",
        ),
        (
            "{{ 'a,b' | split(',') | last }} {{ ' a b ' | split | join('-') }} {{ 'a\\nb' | lines | length }}",
            "b a-b 2",
        ),
        (
            "{{ none | default('x') }} {{ input.nope | default('x') }} {{ '' | default('x', true) }}",
            "None x x",
        ),
        ("{{ 'x' if false }}|{{ ('x' if false) is defined }}", "|False"),
        (
            "{{ 'it''s' }} {{ [\"it's\", 'a', none, true] }} {{ {'k': 'v'} }}",
            "its [\"it's\", 'a', None, True] {'k': 'v'}",
        ),
        (
            "{{ 'hello world' | title }} {{ 'HELLO' | capitalize }} {{ ' x ' | trim }} {{ 'ab' | reverse }}",
            "Hello World Hello x ba",
        ),
        (
            "{{ [1, 2, 3, 4][1:3] }} {{ [1, 2, 3][::-1] }} {{ 'abcd'[-2:] }} {{ [1, 2, 3][5:] }}",
            "[2, 3] [3, 2, 1] cd []",
        ),
        (
            "{{ {'a': [1]} | tojson }} {{ dict(a=1, b=2).b }} {{ range(1, 6, 2) | list }}",
            "{\"a\":[1]} 2 [1, 3, 5]",
        ),
        ("{% raw %}{{ x }}{% endraw %}{# no #}", "{{ x }}"),
    ] {
        assert_eq!(text(source), is, "{source}");
    }
}

#[test]
fn what_is_guarded_may_be_missing_at_every_level() {
    for (source, is) in [
        ("{{ input.nowhere.value.next | default(1) }}", "1"),
        ("{{ input.nope.deep.er | d('x') }} {{ input.nope['deep'].er | default('y') }}", "x y"),
        ("{{ input.nowhere.value.next is defined }} {{ input.nope.deep is undefined }}", "False True"),
        ("{{ input.items[7].sum | default(0) }}", "0"),
        ("{{ (input.nope.deep | default(1)) + 1 }}", "2"),
        ("{{ input.items[0].name | default('x') }} {{ input.name is defined }}", "b True"),
    ] {
        assert_eq!(text(source), is, "{source}");
    }
    assert!(value("{{ input.nope.deep }}").is_err(), "what nothing guards is a mistake");
}

mod meaning {
    //! For ordinary templates, the rewritten form means what minijinja means by the text.

    use minijinja::{Environment, UndefinedBehavior};
    use proptest::prelude::*;
    use serde_json::json;

    use adjutant_spec::value::Template;

    use super::Scope;

    fn context() -> serde_json::Value {
        json!({ "i": { "n": 7, "m": -3, "t": "Anna Bo", "u": "x", "l": [3, 1, 2], "w": ["b", "A", "c"], "d": { "k": 5 } } })
    }

    /// What minijinja alone makes of it.
    fn plain(source: &str) -> Option<String> {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.render_str(source, minijinja::value::Value::from(minijinja::value::Serde(context()))).ok()
    }

    fn ours(source: &str) -> Option<String> {
        let template = Template::parse(source).ok()?;
        let template = Template { expression: None, ..template };
        Scope::of_fields(&context()).text(&template).ok()
    }

    fn number() -> BoxedStrategy<String> {
        let leaf = prop_oneof![
            (0_u8..20).prop_map(|number| number.to_string()),
            prop::sample::select(vec![
                "i.n",
                "i.m",
                "i['n']",
                "i.d.k",
                "i.l[0]",
                "i.l[-1]",
                "i.l|length",
                "i.nope|default(4)"
            ])
            .prop_map(str::to_owned),
        ];
        let grown = |inner: BoxedStrategy<String>| {
            let sign = prop::sample::select(vec!["+", "-", "*", "//", "%"]);
            prop_oneof![
                (inner.clone(), sign, inner.clone())
                    .prop_map(|(left, sign, right)| format!("({left} {sign} {right})")),
                inner.clone().prop_map(|inner| format!("(-{inner})|abs")),
                (truth(inner.clone()), inner.clone(), inner.clone())
                    .prop_map(|(test, yes, no)| format!("({yes} if {test} else {no})")),
                prop::collection::vec(inner, 1..4).prop_map(|items| format!("[{}]|sum", items.join(", "))),
            ]
            .boxed()
        };
        leaf.prop_recursive(3, 12, 3, move |inner| grown(inner.boxed())).boxed()
    }

    fn truth(number: BoxedStrategy<String>) -> BoxedStrategy<String> {
        let sign = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
        prop_oneof![
            // All parts of a chain are evaluated, also behind one that decides it: its last part is one that has a value.
            (number.clone(), sign.clone(), number.clone(), sign, 0..9_u8)
                .prop_map(|(a, s, b, t, c)| format!("({a} {s} {b} {t} {c})")),
            (number.clone(), number.clone()).prop_map(|(a, b)| format!("({a} and not {b} or {a} is odd)")),
            number.prop_map(|number| format!("({number} in i.l)")),
            Just("('nna' in i.t and i.nope is undefined)".to_owned()),
        ]
        .boxed()
    }

    fn phrase() -> BoxedStrategy<String> {
        let leaf = prop_oneof![
            "'[a-z ]{0,6}'".prop_map(String::from),
            prop::sample::select(vec!["i.t", "i.u", "i.w[1]"]).prop_map(str::to_owned)
        ];
        let filters = vec![
            "upper",
            "lower",
            "title",
            "capitalize",
            "trim",
            "reverse",
            "replace('a', 'bb')",
            "default('z')",
            "first|default('')",
            "split|join('+')",
            "indent(2)",
            "list|sort|join",
            "list|unique|join",
            "string",
        ];
        leaf.prop_recursive(3, 10, 2, move |inner| {
            prop_oneof![
                (inner.clone(), prop::sample::select(filters.clone()))
                    .prop_map(|(text, filter)| format!("({text})|{filter}")),
                (inner.clone(), number()).prop_map(|(text, number)| format!("({text} ~ {number})")),
                (inner.clone(), 0_u8..4).prop_map(|(text, times)| format!("(({text})|string * {times})")),
                (inner.clone(), -3_i8..4, -3_i8..4)
                    .prop_map(|(text, from, to)| format!("(({text})|string)[{from}:{to}]")),
            ]
        })
        .boxed()
    }

    fn block() -> BoxedStrategy<String> {
        prop_oneof![
            "[a-z .\\n]{0,9}".prop_map(String::from),
            number().prop_map(|number| format!("{{{{ {number} }}}}")),
            phrase().prop_map(|text| format!("{{{{- {text} }}}} ")),
            truth(number()).prop_map(|test| format!("{{% if {test} -%}} yes {{%- else %}}no{{% endif %}}")),
            number().prop_map(|number| {
                format!("{{% for x in i.l|sort if x > 1 %}}{{{{ loop.index }}}}{{{{ x * {number} }}}},{{% else %}}e{{% endfor %}}")
            }),
            phrase().prop_map(|text| format!("{{% set y %}}<{{{{ {text} }}}}>{{% endset %}}{{{{ y|length }}}}{{{{ [y, {{'k': y}}] }}}}")),
            (number(), phrase()).prop_map(|(number, text)| {
                format!("{{% macro m(a, b={number}) %}}{{{{ a }}}}{{{{ b }}}}{{% endmacro %}}{{{{ m({text}) }}}}{{{{ m(1, b=2) }}}}")
            }),
            number().prop_map(|number| {
                format!("{{% set ns = namespace(s=0) %}}{{% for x in range(4) %}}{{% set ns.s = ns.s + x * {number} %}}{{% endfor %}}{{{{ ns.s }}}}")
            }),
        ]
        .boxed()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn rewriting_keeps_it(blocks in prop::collection::vec(block(), 1..4)) {
            let source = blocks.concat();
            prop_assert_eq!(ours(&source), plain(&source), "{}", source);
        }
    }
}
