"""What emotion inference is not good for, and where it is forbidden: for the page that people look at."""

from __future__ import annotations

#: The first: L. F. Barrett et al., Emotional Expressions Reconsidered, Psychol. Sci. Public Interest 20 (2019).
NOTICE = (
    "The labels say how a face looks to a small network, not what a person feels: people who are angry scowl in fewer "
    "than half of all cases, and scowl for other reasons. On FER-2013, the usual benchmark, networks of this size err "
    "on about three faces in ten; on other faces, ages, skins, lights and cameras more often.",
    "Do not base a decision about a person on it: not hiring, not grading, not policing, not care, not medicine.",
    "In the European Union, AI systems that infer emotions at work or in education are forbidden, except for medical "
    "or safety reasons (Regulation (EU) 2024/1689, Art. 5(1)(f)). Elsewhere, whoever uses an emotion recognition "
    "system must tell the people in front of it that it runs (Art. 50(3)) and must keep to data protection law.",
)
