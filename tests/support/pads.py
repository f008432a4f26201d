"""What pads are called: in Live's kits, and by the voice that a name means."""

# The pads of Live's 909 and 808 Core Kits from C1 up, as Live names them.
LIVE_909 = [
    "Bass Drum", "Rim Shot", "Snare Drum", "Hand Clap", "Bass Drum", "Snare Drum", "Closed Hi Hat", "Snare Drum",
    "Low Tom", "Mid Tom", "Open Hi Hat", "Hi Tom", "Crash", "Crash", "Ride", "Ride",
]  # fmt: skip
LIVE_808 = [
    "Kick 808", "Rim 808", "Snare 808", "Clap 808", "Clave 808", "Tom Low 808", "Hi-hat Closed 808", "Tom Mid 808",
    "Maracas 808", "Tom Hi 808", "Hi-hat Open 808", "Conga Low 808", "Conga Mid 808", "Cymbal 808", "Conga Hi 808",
    "Cowbell 808",
]  # fmt: skip

NAMES = {
    "kick": ["Kick 606", "Kick 808 Deep", "Kick Noise Dub 1", "Bass Drum", "BD", "BD2", "Kick b", "KickDrum", "808"],
    "snare": [
        "Snare Tight", "Snare 606 Dub", "SD", "Snare Hat Combo Bangky", "SnareDrum", "Rim", "Rim 7T8", "Rim Sidestick Tamuz 1",
        "Clap", "Clap Dub Short", "Clap-909", "Side Stick",
    ],
    "closed_hat": [
        "HH Closed", "HH Closed b", "Hihat Closed 808 Dub 1", "Hihat Closed Tamuz Half", "Hihat 808 Closed", "Closed Hi-Hat",
        "CH", "Hat", "Hihat", "HiHat", "ClosedHat", "Pedal Hi-Hat", "HH Pedal",
    ],
    "open_hat": ["HH Open", "Hihat Open 808 1 Onyx", "Open Hi Hat", "OH", "Hihat Open Trad", "OpenHat"],
    "low_tom": ["Tom Low", "Tom 808 Lo Hiss", "Tom 707 Low", "Low Floor Tom", "High Floor Tom", "Tom Lo Dub", "FloorTom"],
    "mid_tom": ["Tom Mid", "Tom Mid Low", "Low-Mid Tom", "Tom 808 Mid Dub", "Tom", "Tom Unvx Dub", "Tom 2"],
    "high_tom": ["Tom Hi", "Tom 808 Hi I", "Hi Tom", "Hi-Mid Tom", "Tom 1"],
    "crash": ["Crash", "Crash 909", "Crash Layered", "Cymbal", "Cymbal 808 VA90", "China", "Splash Cymbal"],
    "ride": ["Ride", "Ride Bell", "Ride Cymbal 1", "Ride Layered"],
}  # fmt: skip
NONE = [
    "Cowbell", "Cowbell 808", "Maracas 808", "Conga Hi", "Clave 808", "Shaker", "Perc Metal Tap Dub", "E-Perc BittyBot",
    "FX Laser Dub", "Snap SP", "Wood Dub", "Stick Dub", "", "Pad 12",
    "Kyathe Monks", "Strider", "Bell Ring ER Fenk 1", "Bass Sub C#0", "C1",
]  # fmt: skip
