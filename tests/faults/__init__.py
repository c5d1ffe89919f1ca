"""What happens when things go wrong: each named fault, and kills at random moments."""
