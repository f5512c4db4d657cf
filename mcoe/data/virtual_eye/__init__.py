"""The virtual eye: a rendered right eye, a model of how it behaves, and a model of the sensor that looks at it.

``pack`` finds the face data; ``geometry``, ``skin``, ``hair``, ``shaders`` and ``renderer`` draw one person's eye;
``behaviour`` says who the person is and what the eye does; ``sensor`` turns light into frames and events;
``take`` joins them; ``writer`` puts the result on disk and ``stats`` measures it.
"""
