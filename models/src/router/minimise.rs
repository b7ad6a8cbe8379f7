//! L-BFGS: finds the least value of a smooth convex function from its gradients.
//!
//! The last steps stand in for the curvature; nothing is drawn by chance, so the same function gives the same bits.

use std::collections::VecDeque;

use super::matrix::dot;

/// How many past steps stand in for the curvature.
const MEMORY: usize = 10;

/// A step must gain at least this share of what the slope promises.
const ARMIJO: f64 = 1e-4;

/// A line search gives up after so many halvings: the function is flat to the last digit there.
const HALVINGS: usize = 20;

/// Stops where the gradient is this much shorter than at the start.
const FLAT: f64 = 1e-4;

/// A function, its value and its gradient at a place.
pub(super) trait Slope {
    /// Returns the value at a place, and writes the gradient.
    fn at(&mut self, place: &[f32], gradient: &mut [f32]) -> f64;
}

struct Step {
    moved: Vec<f32>,
    turned: Vec<f32>,
    curvature: f64,
}

/// Returns the place that at most `iterations` steps from `start` lead to.
pub(super) fn minimise(slope: &mut impl Slope, start: Vec<f32>, iterations: usize) -> Vec<f32> {
    let mut place = start;
    let mut gradient = vec![0.0; place.len()];
    let mut value = slope.at(&place, &mut gradient);
    let steep = length(&gradient);
    let mut memory: VecDeque<Step> = VecDeque::new();
    for _ in 0..iterations {
        if length(&gradient) <= FLAT * steep {
            break;
        }
        let direction = direction(&gradient, &memory);
        let first = if memory.is_empty() { 1.0 / length(&gradient) } else { 1.0 };
        let line = Line { place: &place, gradient: &gradient, direction: &direction, value };
        let Some(found) = line.search(slope, first) else { break };
        let before = Point { place: &place, gradient: &gradient };
        remember(&mut memory, before, Point { place: &found.place, gradient: &found.gradient });
        (place, gradient, value) = (found.place, found.gradient, found.value);
    }
    place
}

struct Line<'a> {
    place: &'a [f32],
    gradient: &'a [f32],
    direction: &'a [f32],
    value: f64,
}

struct Found {
    place: Vec<f32>,
    gradient: Vec<f32>,
    value: f64,
}

impl Line<'_> {
    /// Halves the step until it gains enough.
    fn search(&self, slope: &mut impl Slope, first: f64) -> Option<Found> {
        let descent = f64::from(dot(self.gradient, self.direction));
        let mut gradient = vec![0.0; self.place.len()];
        let mut step = first;
        for _ in 0..HALVINGS {
            let place = moved(self.place, step, self.direction);
            let value = slope.at(&place, &mut gradient);
            if value <= self.value + ARMIJO * step * descent {
                return Some(Found { place, gradient, value });
            }
            step /= 2.0;
        }
        None
    }
}

/// Two loops over the memory turn the gradient into a direction of descent.
fn direction(gradient: &[f32], memory: &VecDeque<Step>) -> Vec<f32> {
    let mut direction: Vec<f32> = gradient.iter().map(|number| -number).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let share = f64::from(dot(&step.moved, &direction)) / step.curvature;
        add(&mut direction, -share, &step.turned);
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        let scale = last.curvature / f64::from(dot(&last.turned, &last.turned));
        direction.iter_mut().for_each(|number| *number *= scale as f32);
    }
    for (step, share) in memory.iter().zip(shares.iter().rev()) {
        let other = f64::from(dot(&step.turned, &direction)) / step.curvature;
        add(&mut direction, share - other, &step.moved);
    }
    direction
}

/// A place with the gradient there.
struct Point<'a> {
    place: &'a [f32],
    gradient: &'a [f32],
}

fn remember(memory: &mut VecDeque<Step>, before: Point<'_>, after: Point<'_>) {
    let moved = difference(after.place, before.place);
    let turned = difference(after.gradient, before.gradient);
    let curvature = f64::from(dot(&moved, &turned));
    // Without curvature along the step it says nothing about the function's bend.
    if curvature <= f64::from(f32::MIN_POSITIVE) {
        return;
    }
    if memory.len() == MEMORY {
        memory.pop_front();
    }
    memory.push_back(Step { moved, turned, curvature });
}

fn length(vector: &[f32]) -> f64 {
    f64::from(dot(vector, vector)).sqrt()
}

fn moved(place: &[f32], step: f64, direction: &[f32]) -> Vec<f32> {
    let mut moved = place.to_vec();
    add(&mut moved, step, direction);
    moved
}

fn add(vector: &mut [f32], share: f64, other: &[f32]) {
    let share = share as f32;
    vector.iter_mut().zip(other).for_each(|(number, one)| *number += share * one);
}

fn difference(left: &[f32], right: &[f32]) -> Vec<f32> {
    left.iter().zip(right).map(|(one, other)| one - other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long valley: its axes bend a thousand times differently.
    struct Valley;

    impl Slope for Valley {
        fn at(&mut self, place: &[f32], gradient: &mut [f32]) -> f64 {
            let mut value = 0.0;
            for (at, number) in place.iter().enumerate() {
                let bend = 10_f32.powi(i32::try_from(at % 4).unwrap());
                let from = number - at as f32;
                gradient[at] = bend * from;
                value += f64::from(bend * from * from) / 2.0;
            }
            value
        }
    }

    #[test]
    fn the_bottom_of_a_valley_is_found() {
        let bottom = minimise(&mut Valley, vec![0.0; 8], 100);
        for (at, number) in bottom.iter().enumerate() {
            assert!((number - at as f32).abs() < 0.05, "{at}: {number}");
        }
    }
}
