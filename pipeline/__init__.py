"""Between collectors and the store: events, the stream, rules, judging, posture. Judges, and never reads the world."""
