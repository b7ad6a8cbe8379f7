//! The engine and the routers over the table in the binary, with gates where the order of things matters.

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use adjutant_models::{EmbedError, Embedder, Embedding, Model, StaticTable};
use adjutant_spec::plan::{Class, Plan, Route};

use super::{Engine, Files, Loader, Routers, StandIn, Store, catalogue::MINILM};
use crate::effects::tests::plans::{class, plan, route};

/// Returns routers as they are where no model was pulled.
pub(crate) fn unpulled() -> Routers {
    Routers::new(Files::at(Store::at("/nonexistent")))
}

/// The table in the binary; texts with this word wait until the gate opens.
const SLOW: &str = "slowly";

#[derive(Clone, Default)]
struct Gated {
    gate: Arc<(Mutex<bool>, Condvar)>,
    loads: Arc<AtomicUsize>,
    fits: Arc<AtomicUsize>,
}

impl Gated {
    fn open(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl Loader for Gated {
    fn load(&self, _: Option<&str>) -> Engine {
        self.loads.fetch_add(1, Ordering::SeqCst);
        Engine { embedder: Arc::new(self.clone()), stand_in: None }
    }
}

impl Embedder for Gated {
    fn model(&self) -> &Model {
        static MODEL: std::sync::LazyLock<Model> =
            std::sync::LazyLock::new(|| StaticTable::built_in().model().clone());
        &MODEL
    }

    fn dims(&self) -> usize {
        StaticTable::built_in().dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        if texts.contains(&ONCE) {
            self.fits.fetch_add(1, Ordering::SeqCst);
        }
        if texts.iter().any(|text| text.contains(SLOW)) {
            let open = self.gate.0.lock().unwrap();
            drop(self.gate.1.wait_while(open, |open| !*open).unwrap());
        }
        StaticTable::built_in().embed(texts)
    }
}

/// An example that is embedded once for each fit.
const ONCE: &str = "We need a new website, can you send us a quote?";

fn lead() -> Class {
    class("lead", &[ONCE, "How much would a redesign of our shop cost?", "I would like an offer for a logo"])
}

fn support() -> Class {
    class(
        "support",
        &["The login on our site is broken", "The contact form does not work any more", "Our site is down"],
    )
}

/// A company with one route.
struct Company {
    plan: Plan,
    route: Route,
}

fn company(classes: Vec<Class>) -> Company {
    let mut plan = plan([]);
    plan.routes.insert("inbound".into(), route(classes));
    let route = plan.routes["inbound"].clone();
    Company { plan, route }
}

#[test]
fn a_router_is_fitted_once_however_many_ask_for_it() {
    let gated = Gated::default();
    let routers = Routers::new(gated.clone());
    let Company { plan, route } = company(vec![lead(), support()]);
    routers.prepare(&plan);
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let (routers, route) = (routers.clone(), route.clone());
            thread::spawn(move || routers.of(&route, None).router.as_ref().unwrap().digest().to_owned())
        })
        .collect();
    let digests: Vec<String> = asking.into_iter().map(|one| one.join().unwrap()).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    assert_eq!((gated.loads.load(Ordering::SeqCst), gated.fits.load(Ordering::SeqCst)), (1, 1));
}

#[test]
fn the_old_router_answers_while_the_new_one_is_fitted() {
    let gated = Gated::default();
    let routers = Routers::new(gated.clone());
    let Company { plan, route } = company(vec![lead(), support()]);
    routers.prepare(&plan);
    let old = routers.of(&route, None).router.as_ref().unwrap().digest().to_owned();
    let more = class("support", &["The login on our site is broken", "It loads slowly", "Our site is down"]);
    let Company { plan, route } = company(vec![lead(), more]);
    routers.prepare(&plan);
    let meanwhile = routers.of(&route, None).router.as_ref().unwrap().digest().to_owned();
    assert_eq!(meanwhile, old, "nobody waits for the gate");
    gated.open();
    routers.settle();
    assert_ne!(routers.of(&route, None).router.as_ref().unwrap().digest(), old);
}

/// The model is pulled after the first question.
struct Late(Arc<AtomicUsize>);

impl Loader for Late {
    fn load(&self, _: Option<&str>) -> Engine {
        let is_first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        let stand_in = is_first.then(|| StandIn {
            wanted: MINILM.to_owned(),
            reason: "not here".to_owned(),
            hint: "pull it".to_owned(),
        });
        Engine { embedder: StaticTable::built_in(), stand_in }
    }
}

#[test]
fn a_model_that_is_pulled_later_answers_from_the_next_plan_on() {
    let loads = Arc::new(AtomicUsize::new(0));
    let routers = Routers::new(Late(Arc::clone(&loads)));
    let Company { plan, route } = company(vec![lead(), support()]);
    routers.prepare(&plan);
    assert!(routers.of(&route, None).stand_in.is_some());
    routers.settle();
    routers.prepare(&plan);
    routers.settle();
    assert!(routers.of(&route, None).stand_in.is_none());
    routers.prepare(&plan);
    routers.settle();
    assert_eq!(loads.load(Ordering::SeqCst), 2, "what answers is not loaded again");
}

#[test]
fn a_router_that_could_name_a_class_that_is_gone_does_not_answer() {
    let gated = Gated::default();
    gated.open();
    let routers = Routers::new(gated);
    let billing =
        class("billing", &["The invoice is wrong", "When is the invoice due?", "Please correct the invoice"]);
    let Company { plan, route } = company(vec![lead(), support(), billing]);
    routers.prepare(&plan);
    let old = routers.of(&route, None).router.as_ref().unwrap().digest().to_owned();
    let Company { plan, route } = company(vec![lead(), support()]);
    routers.prepare(&plan);
    assert_ne!(routers.of(&route, None).router.as_ref().unwrap().digest(), old);
}

#[test]
fn one_class_leaves_nothing_to_choose_and_is_no_fault() {
    let Company { plan, route } = company(vec![lead()]);
    let routers = unpulled();
    routers.prepare(&plan);
    let fitted = routers.of(&route, None);
    assert!(fitted.router.is_none() && fitted.fault.is_none());
}

#[test]
fn without_a_model_the_table_answers_and_says_how_to_pull() {
    let standing = unpulled().standing(None);
    assert_eq!(standing.model.name, "static-minilm-256");
    let stand_in = standing.stand_in.unwrap();
    assert_eq!(stand_in.wanted, MINILM);
    assert!(stand_in.hint.contains("adjutant models pull"), "{stand_in:?}");
}

#[test]
fn a_model_that_is_not_the_pinned_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(MINILM);
    std::fs::create_dir_all(&folder).unwrap();
    for file in super::digest::IDENTITY {
        std::fs::write(Path::new(&folder).join(file), "{}").unwrap();
    }
    let routers = Routers::new(Files::at(Store::at(home.path())));
    let pin = format!("sha256:{}", "0".repeat(64));
    let stand_in = routers.standing(Some(&pin)).stand_in.unwrap();
    assert!(stand_in.reason.contains(&pin), "{stand_in:?}");
    assert!(stand_in.hint.contains("adjutant.lock"), "{stand_in:?}");
    let unpinned = routers.standing(None).stand_in.unwrap();
    assert!(unpinned.reason.contains("sha256:"), "the catalogue's digest is the pin: {unpinned:?}");
}
