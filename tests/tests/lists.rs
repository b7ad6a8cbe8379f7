//! What there is can be listed, and what is not there is told by its name.

#![expect(clippy::unwrap_used, reason = "a list that cannot be read has failed")]

use adjutant_tests::{Agency, lead};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named() {
    let agency = Agency::open().await;
    let missing: [(&[&str], &str); 6] = [
        (&["retry", "nope"], "\"nope\""),
        (&["kill", "nope"], "\"nope\""),
        (&["records", "nokind"], "\"nokind\""),
        (&["token", "revoke", "nope"], "\"nope\""),
        (&["runs", "--playbook", "nope"], "\"nope\""),
        (&["route", "nope", "how much?", "--dir", "co"], "routes are: "),
    ];
    for (command, said) in missing {
        let ran = agency.operator(command).await;
        assert_eq!(ran.code, 4, "{command:?}: {}", ran.all());
        assert!(ran.stderr.contains(said), "{command:?}: {}", ran.all());
    }
    // Without a kind there is no list of records that could be narrowed.
    for narrow in [["--limit", "3"], ["--after", "a"]] {
        let ran = agency.operator(&[&["records"], &narrow[..]].concat()).await;
        assert_eq!(ran.code, 2, "{narrow:?}: {}", ran.all());
        assert!(ran.stderr.contains("need a kind"), "{narrow:?}: {}", ran.all());
    }
    let month = agency.operator(&["cost", "--month", "November"]).await;
    assert_eq!(month.code, 1, "{}", month.all());
    assert!(month.stderr.contains("\"November\""), "{}", month.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn playbooks_are_listed_with_what_starts_them() {
    let agency = Agency::open().await;
    let listed = agency.operator(&["playbooks", "--json"]).await.json();
    let found: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|line| line["id"].as_str()).collect();
    let places =
        ["co/playbooks", "co/slices/support/playbooks"].map(|folder| agency.stage.world.path(folder));
    let mut files: Vec<String> = places
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert!(!files.is_empty() && found == files, "{found:?} {files:?}");
    let text = agency.operator(&["playbooks"]).await;
    assert!(files.iter().all(|id| text.ok().contains(id)), "{}", text.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_listed_until_it_is_taken_back() {
    let agency = Agency::open().await;
    let made = agency.operator(&["token", "new", "--name", "website", "--scope", "read"]).await;
    let secret = made.ok().trim().to_owned();
    let listed = agency.operator(&["token", "list", "--json"]).await.json();
    let token = listed.as_array().unwrap().iter().find(|token| token["name"] == "website").unwrap().clone();
    assert!(!listed.to_string().contains(&secret), "a list never shows a secret");
    assert!(agency.operator(&["token", "list"]).await.ok().contains("website"));
    let ask = async || {
        agency.operator(&["--server", &agency.daemon.url, "--token", &secret, "runs", "--json"]).await
    };
    assert!(ask().await.json().is_array());
    let id = token["id"].as_str().unwrap();
    let revoked = agency.operator(&["token", "revoke", id]).await;
    assert_eq!(revoked.code, 0, "{}", revoked.all());
    assert_eq!(ask().await.code, 3, "it opens nothing any more");
    let listed = agency.operator(&["token", "list", "--json"]).await.json();
    assert!(listed.as_array().unwrap().iter().all(|token| token["id"] != id), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_months_costs_add_up_by_day_and_by_who_spent() {
    let agency = Agency::open().await;
    drop(agency.gate(&agency.webhook("msg_1", &lead()).await).await);
    let month = agency.operator(&["cost", "--month", "--json"]).await.json();
    let amount =
        |money: &Value| -> f64 { money.as_str().unwrap().split(' ').next().unwrap().parse().unwrap() };
    let total = amount(&month["total"]);
    assert!(total > 0.0, "the qualifier asked a model: {month}");
    let of = |part: &str, prefix: &str| -> f64 {
        let sums = month[part].as_object().unwrap();
        sums.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, money)| amount(money)).sum()
    };
    let named = month["month"].as_str().unwrap();
    for (part, prefix) in [("days", named), ("by", "playbook:"), ("by", "agent:")] {
        assert!((of(part, prefix) - total).abs() < 1e-9, "{part} {prefix}: {month}");
    }
    let earlier = agency.operator(&["cost", "--month", "2020-01", "--json"]).await.json();
    assert!(earlier["total"].is_null(), "{earlier}");
    assert!(agency.operator(&["cost", "--month"]).await.ok().contains(named));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_goes_on_says_what_to_type() {
    let agency = Agency::open().await;
    for name in ["a", "b", "c"] {
        assert_eq!(agency.operator(&["token", "new", "--name", name]).await.code, 0);
        agency.stage.world.put(&format!("data/files/intake/{name}.eml"), &format!("{name}: this is no mail"));
    }
    drop(agency.daemon.api.until("deliveries", |lines| lines.as_array().unwrap().len() == 3).await);
    for list in [&["token", "list"][..], &["deliveries"], &["deliveries", "--all"]] {
        let (mut command, mut seen) = (list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), 0);
        loop {
            let words: Vec<&str> = command.iter().map(String::as_str).chain(["--limit", "1"]).collect();
            let ran = agency.operator(&words).await;
            assert_eq!(ran.code, 0, "{words:?}: {}", ran.all());
            seen += 1;
            let all = ran.all();
            let Some((_, next)) = all.split_once("1 of 3; the next ones: adjutant ") else { break };
            command = next.lines().next().unwrap().split_whitespace().map(str::to_owned).collect();
        }
        assert_eq!(seen, 3, "{list:?}");
    }
    // The inbox says what else waits; each line is what to type.
    let inbox = agency.operator(&["inbox"]).await.all();
    assert!(inbox.contains("3 deliveries start nothing yet: adjutant deliveries"), "{inbox}");
    assert!(!inbox.contains("nothing waits for you"), "{inbox}");
    let gone = agency.operator(&["dead", "--after", "nope"]).await;
    assert_eq!(gone.code, 4, "{}", gone.all());
}
