use super::*;
use crate::samplers::{anneal, halton, random, tpe};

fn search() -> Search {
    let priors: [(&str, &[f64]); 2] = [("uniform", &[0.0, 1.0]), ("randint", &[0.0, 3.0])];
    Search::new(Arc::new(Space::flat(&priors).expect("valid")))
}

fn of_trials(count: i64) -> Search {
    let mut search = search();
    for tid in 0..count {
        let row = random::suggest(search.history().space(), 1, tid);
        search.observe(tid, row[0], &row).expect("fits");
    }
    search
}

fn all() -> [Box<dyn Settings>; 5] {
    [
        Box::new(random::Settings),
        Box::new(halton::Settings),
        Box::new(anneal::Settings::default()),
        Box::new(tpe::Settings::default()),
        Box::new(tpe::Settings::hyperopt()),
    ]
}

#[test]
fn many_rows_are_taken_in_together_or_not_at_all() {
    let mut search = search();
    let rows = [vec![0.5, 1.0], vec![0.5, 0.5]];
    assert!(search.extend(&[1, 2], &[0.0, 0.0], &rows).is_err());
    assert!(search.history().is_empty());
    let rows = [vec![0.5, 1.0], vec![0.6, 2.0]];
    assert!(search.extend(&[1, 2], &[0.0, 0.0], &rows).is_ok());
    assert_eq!(search.history().tids(), [1, 2]);
}

#[test]
fn a_suggested_row_is_accepted_once_as_a_running_trial() {
    let mut search = search();
    let rows = search
        .suggest(&halton::Settings, &[7, 8], 1)
        .expect("suggests");
    let running = f64::INFINITY;
    assert!(!search.accept(9, running) && search.accept(8, running) && !search.accept(8, 0.0));
    assert!(search.history().holds(8, &rows[1]) && search.history().is_running(8));
    search.observe(7, 1.0, &[0.5, 0.0]).expect("fits");
    assert!(!search.accept(7, 2.0), "known by then");
    assert_eq!(search.history().losses(), [1.0, f64::INFINITY]);
}

#[test]
fn several_ids_are_one_call_per_id_with_the_earlier_ones_running() {
    for settings in all() {
        let mut search = of_trials(40);
        let tids: Vec<i64> = (38..46).collect();
        let together = search.suggest(&*settings, &tids, 5).expect("suggests");
        assert_eq!(search.history().len(), 40);
        for (&tid, row) in tids.iter().zip(&together) {
            let alone = search.suggest(&*settings, &[tid], 5).expect("suggests");
            assert_eq!(&alone[0], row, "{tid}, {settings:?}");
            if !search.history().contains(tid) {
                search.observe(tid, f64::INFINITY, row).expect("fits");
            }
        }
    }
}

#[test]
fn settings_that_alternate_do_not_get_in_each_others_way() {
    let other = |gamma, gp_share| tpe::Settings {
        gamma,
        gp_share,
        ..tpe::Settings::default()
    };
    let mut asked: Vec<Box<dyn Settings>> = all().into_iter().collect();
    asked.push(Box::new(other(0.1, 0.0)));
    asked.push(Box::new(other(0.3, 0.5)));
    asked.push(Box::new(other(0.6, 0.5)));
    let mut search = of_trials(30);
    for tid in 30..60 {
        for settings in &asked {
            let got = search.suggest(&**settings, &[tid], 2).expect("suggests");
            assert!(search.samplers.len() <= KEPT);
            let mut fresh = of_trials(0);
            let history = search.history();
            for (at, &tid) in history.tids().iter().enumerate() {
                let row = history.row(at);
                fresh
                    .observe(tid, history.losses()[at], &row)
                    .expect("fits");
            }
            let want = fresh.suggest(&**settings, &[tid], 2).expect("suggests");
            for (got, want) in got[0].iter().zip(&want[0]) {
                assert!((got - want).abs() < 1e-9, "{settings:?}");
            }
        }
        let row = random::suggest(search.history().space(), 1, tid);
        search.observe(tid, f64::INFINITY, &row).expect("fits");
        assert!(search.tell(tid, row[0]));
    }
}

/// Fails or panics at some id.
#[derive(Debug, Clone, Copy)]
struct Broken {
    panics: bool,
}

impl Settings for Broken {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn sampler(&self, _: &History) -> Box<dyn Sampler> {
        Box::new(*self)
    }
}

impl Sampler for Broken {
    fn suggest(&mut self, history: &History, tid: i64, _: u64) -> Vec<f64> {
        assert_eq!(history.len(), usize::try_from(tid).expect("small"));
        assert!(tid < 3 || !self.panics, "as meant");
        vec![if tid < 3 { 0.1 } else { f64::INFINITY }, 0.0]
    }
}

#[test]
fn invented_trials_leave_whatever_happens() {
    let mut search = of_trials(1);
    let wrong = Broken { panics: false };
    assert!(search.suggest(&wrong, &[1, 2, 3, 4], 0).is_err());
    assert_eq!(search.history().tids(), [0]);
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        search.suggest(&Broken { panics: true }, &[1, 2, 3, 4], 0)
    }));
    assert!(panics.is_err());
    assert_eq!(search.history().tids(), [0]);
    assert!(search.samplers.is_empty());
}
