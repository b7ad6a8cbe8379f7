//! Reachability and cycles over numbered nodes. Playbooks are small: each answer is a plain walk.

use std::collections::BTreeSet;

/// A directed graph; nodes are positions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    next: Vec<BTreeSet<usize>>,
}

impl Graph {
    /// Returns a graph with so many nodes and no edges.
    pub(crate) fn new(nodes: usize) -> Self {
        Self { next: vec![BTreeSet::new(); nodes] }
    }

    /// Adds an edge between two nodes of the graph.
    pub(crate) fn edge(&mut self, from: usize, to: usize) {
        self.next[from].insert(to);
    }

    /// Returns the graph without the nodes that are refused; their numbers stay, their edges go.
    pub(crate) fn without(&self, refused: impl Fn(usize) -> bool) -> Self {
        let keep = |(from, next): (usize, &BTreeSet<usize>)| match refused(from) {
            true => BTreeSet::new(),
            false => next.iter().copied().filter(|to| !refused(*to)).collect(),
        };
        Self { next: self.next.iter().enumerate().map(keep).collect() }
    }

    /// Returns what can be reached from a node by at least one edge.
    pub(crate) fn after(&self, node: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = self.next.get(node).into_iter().flatten().copied().collect();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(&self.next[node]);
            }
        }
        seen
    }

    /// Returns what can be reached from a node, the node itself among it.
    pub(crate) fn from(&self, node: usize) -> BTreeSet<usize> {
        let mut seen = self.after(node);
        if node < self.next.len() {
            seen.insert(node);
        }
        seen
    }

    /// Returns the cycles: each set of nodes that reach each other, in order of the smallest.
    pub(crate) fn cycles(&self) -> Vec<BTreeSet<usize>> {
        let after: Vec<BTreeSet<usize>> = (0..self.next.len()).map(|node| self.after(node)).collect();
        let mut cycles: Vec<BTreeSet<usize>> = Vec::new();
        for node in (0..after.len()).filter(|node| after[*node].contains(node)) {
            if !cycles.iter().any(|cycle| cycle.contains(&node)) {
                cycles.push(
                    after[node].iter().copied().filter(|other| after[*other].contains(&node)).collect(),
                );
            }
        }
        cycles
    }

    /// Returns the nodes of a shortest path, both ends among them.
    pub(crate) fn path(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut came: Vec<Option<usize>> = vec![None; self.next.len()];
        let mut open = std::collections::VecDeque::from([from]);
        while let Some(node) = open.pop_front() {
            if node == to {
                return Some(unroll(&came, from, to));
            }
            for next in &self.next[node] {
                if came[*next].is_none() && *next != from {
                    came[*next] = Some(node);
                    open.push_back(*next);
                }
            }
        }
        None
    }
}

fn unroll(came: &[Option<usize>], from: usize, to: usize) -> Vec<usize> {
    let mut path = vec![to];
    let mut node = to;
    while node != from {
        let Some(before) = came[node] else { break };
        path.push(before);
        node = before;
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: usize, edges: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::new(nodes);
        edges.iter().for_each(|(from, to)| graph.edge(*from, *to));
        graph
    }

    #[test]
    fn cycles_are_the_sets_that_reach_each_other() {
        let graph = graph(6, &[(0, 1), (1, 2), (2, 1), (2, 3), (3, 3), (3, 4)]);
        let cycles: Vec<Vec<usize>> =
            graph.cycles().into_iter().map(|cycle| cycle.into_iter().collect()).collect();
        assert_eq!(cycles, [vec![1, 2], vec![3]]);
        assert!(graph.without(|node| node == 2 || node == 3).cycles().is_empty());
    }

    #[test]
    fn a_path_is_a_shortest_one() {
        let graph = graph(5, &[(0, 1), (1, 2), (2, 4), (0, 3), (3, 4)]);
        assert_eq!(graph.path(0, 4), Some(vec![0, 3, 4]));
        assert_eq!(graph.path(4, 0), None);
        assert_eq!(graph.from(3), BTreeSet::from([3, 4]));
    }
}
