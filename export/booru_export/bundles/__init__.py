"""From trained weights to a bundle that the runtime takes."""
