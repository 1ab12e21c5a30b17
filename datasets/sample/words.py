"""The vocabulary of the sample: names, jobs, places, and the clauses of each genre.

Placeholders in braces are filled by `overviews.py`. No word outside `CLAUSES` hints at a genre.
"""


def _words(text: str) -> tuple[str, ...]:
    """Return the comma-separated entries of a text block."""
    return tuple(" ".join(entry.split()) for entry in text.split(","))


def _lines(text: str) -> tuple[str, ...]:
    """Return the non-empty lines of a text block."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


NAMES = _words("""
    Ada, Beatrix, Clara, Dorothea, Edith, Fern, Greta, Hazel, Ingrid, Juno, Kiki, Lottie, Mabel, Nadia,
    Odette, Pearl, Rosalind, Sigrid, Tilda, Ursula, Violet, Winifred, Yasmin, Zelda, Alfie, Bruno, Casper,
    Dmitri, Ernesto, Felix, Gustav, Horace, Ivo, Jasper, Kofi, Leopold, Magnus, Nestor, Otto, Percy,
    Quentin, Rufus, Stanley, Tobias, Umberto, Victor, Walter, Yusuf""")
SURNAMES = _words("""
    Abernathy, Bellweather, Crumb, Dandridge, Elkhorn, Finch, Gooseberry, Halloway, Inkwell, Jellicoe,
    Kettle, Lockwood, Marchbanks, Nettle, Okafor, Pemberton, Quill, Ravensworth, Sorensen, Thistlewood,
    Underhill, Vasquez, Wobbleton, Yarrow, Zimmer, Ashdown, Bramble, Castellan, Delgado, Fairweather""")
PLACES = _words("""
    Port Wexley, Little Dribbling, Upper Mossfield, Saint Osmo, Crumpet Bay, Old Harrow, New Elbow, Lake
    Pumpernickel, Fennimore, Dunmarrow, Castle Reach, Zanbury, Nine Bridges, Hollow Ferry, Grand Tortuga,
    Lower Quibble, Mount Ambrose, Puddle Cross, Villa Serena, Kestrel Point, East Noodle, Marigold
    Heights, Sandwich Junction, Bleak Haven, Ottersby, Tumbledown, Cape Dismay, Velvet Springs, Pickle
    Creek, Northwind""")
MANNERS = _words("""
    retired, nervous, stubborn, cheerful, absent-minded, overworked, elderly, ambitious, shy, sleepy,
    gifted, unlucky, polite, restless, forgetful, penniless, impatient, left-handed, sensible, grumpy""")
JOBS = _words("""
    baker, lighthouse keeper, piano tuner, librarian, bus driver, dentist, beekeeper, locksmith,
    accountant, postman, translator, umbrella maker, gardener, tailor, night porter, geography teacher,
    plumber, weather forecaster, cheesemonger, nurse, florist, taxi driver, waiter, clockmaker, barber,
    botanist, tax inspector, ferry captain, hat maker, chess tutor, window cleaner, cook""")
ANIMALS = _words("""
    goose, parrot, goat, tortoise, donkey, hedgehog, llama, pigeon, walrus, badger, camel, otter, raccoon,
    ferret, pelican, moth""")
THINGS = _words("""
    teapot, umbrella, suitcase, lantern, violin case, bicycle, wardrobe, postcard, lampshade, telescope,
    accordion, sandwich, ladder, typewriter, raincoat, pocket watch, trombone, garden gnome, doorbell,
    jigsaw""")

# Present tense, third person: a clause fits the subject of any frame. {other} is never that subject.
CLAUSES: dict[str, tuple[str, ...]] = {
    "Action": _lines("""
        is sent on one last mission with a mercenary and a very slow van
        must fight through an explosive night to rescue {other}
        survives a furious chase across the rooftops of {place}
        joins an elite rescue team on an explosive mission
        outruns a mercenary in a chase that wrecks most of {place}
        learns to fight just in time for an explosive showdown"""),
    "Adventure": _lines("""
        finds a map to a treasure that three other people also want
        sets out on an expedition through the jungle with {a_thing}
        follows an old treasure map to an island nobody can spell
        joins a perilous voyage in search of a lost island
        leads an expedition up the river on the word of {an_animal}
        gets lost in the jungle on a voyage meant for somebody braver"""),
    "Animation": _lines("""
        leads a parade of talking toys in this animated tale
        befriends a talking {animal} in an animated world of paper and paint
        wakes up as a cartoon and rather enjoys it
        must save the toys of {place} from an animated broom
        is chased by a cartoon {animal} with excellent manners
        discovers that every talking {animal} in town wants the same hat"""),
    "Biography": _lines("""
        rises from a poor childhood and becomes the legend of this true story
        is the famous inventor in this portrait of a remarkable life
        looks back on a remarkable life and a legend that grew too large
        becomes famous overnight in the true story of a real {job}
        leaves a hard childhood behind in this biographical portrait
        is the {job} whose true story became a legend in {place}"""),
    "Comedy": _lines("""
        accidentally becomes mayor of {place}
        stumbles through one hilarious mishap after another
        is mistaken for a royal {job} in a wacky misunderstanding
        accidentally enrols {an_animal} in law school
        plays a silly prank that ends in a hilarious wedding
        causes a wacky mishap with {a_thing} and blames {other}"""),
    "Crime": _lines("""
        plans one last heist with a clumsy gang
        is wanted by the police for a robbery somebody else did badly
        owes a great deal of money to the mob
        turns detective when a gang moves in next door
        hides the loot of a bank robbery inside {a_thing}
        helps a tired detective set a corrupt police chief against the mob"""),
    "Documentary": _lines("""
        is the subject of this documentary about the last {job} in {place}
        gives frank interviews in a documentary nobody asked for
        opens the archive and shows footage never seen before
        lets a filmmaker follow the daily work for a year
        explains in candid interviews how {place} lost its {animal}
        appears in rare archive footage found by a patient filmmaker"""),
    "Drama": _lines("""
        comes home to forgive an estranged father
        carries a quiet grief and a painful secret
        struggles to forgive {other} after a terrible loss
        watches a long marriage come apart over {a_thing}
        is torn between duty and an estranged daughter
        hides a painful secret that could end a marriage"""),
    "Family": _lines("""
        spends the holidays with five children and a runaway puppy
        promises the children a puppy and delivers {an_animal}
        moves in with a grandmother who lets the kids do everything
        helps the neighbourhood kids save their school from {other}
        takes the children to a magical grandmother for the holidays
        learns from a small puppy what the kids knew all along"""),
    "Fantasy": _lines("""
        must return a sleeping dragon to its kingdom
        becomes apprentice to a wizard who has mislaid every spell
        breaks an enchanted mirror and wakes a dragon
        inherits a magic sword and a rather small kingdom
        is turned into {an_animal} by a careless wizard
        learns a spell that should have stayed in the enchanted forest"""),
    "History": _lines("""
        is caught in the revolution that ends an empire
        serves the king in a century that has little use for jokes
        carries a letter across the empire for the young queen
        starts a small revolution against an ancient king
        lives through the fall of an empire in the sixteenth century
        becomes an adviser to the queen in an ancient court"""),
    "Horror": _lines("""
        inherits a haunted house with a well-fed ghost
        awakens a demon that lives in {a_thing}
        hears a terrifying scream from the cursed cellar
        spends one night in a haunted lighthouse near {place}
        is followed home by a ghost and something worse
        buys a cursed doll that turns out to hold a demon"""),
    "Music": _lines("""
        forms a band with {other} and goes on tour
        is a singer who loses the right song before the concert
        buys a guitar and becomes the worst singer in {place}
        writes one perfect song and ruins the band
        smuggles a guitar into the concert hall
        drives the tour bus of a band that cannot agree on anything"""),
    "Musical": _lines("""
        bursts into song and dance at every bus stop on Broadway
        dreams of the chorus line and a Broadway stage
        joins a theatre troupe that sings through every rehearsal
        sings and tap dances across {place} with a full chorus
        saves the theatre with one enormous dance number
        sings when words fail, and then the chorus joins in"""),
    "Mystery": _lines("""
        finds a clue inside {a_thing} and follows it too far
        investigates why {other} vanished on a clear night
        receives a mysterious letter that ends in a riddle
        suspects everyone at dinner and has exactly one clue
        searches for a stranger who vanished from a locked room
        cannot explain the mysterious light above {place}"""),
    "Romance": _lines("""
        falls in love with {other} on the wrong train
        must choose between an old flame and a new love
        writes love letters for {other} and means every word
        loses a heart to a stranger after a single kiss
        shares one kiss in the rain and misses the ferry
        breaks a heart and falls in love with the next {job} in town"""),
    "Sci-Fi": _lines("""
        repairs a spaceship that refuses to come home
        teaches a robot to lie, with some success
        is the first to greet an alien in {place}
        travels to the future and finds it closed
        shares a distant planet with a robot and {an_animal}
        steals an alien spaceship to get away from the future"""),
    "Sport": _lines("""
        coaches the worst team in the league
        trains for a championship that {other} has already won
        returns to the boxing ring for one final match
        bets everything on a hopeless team and a borrowed coach
        leads the underdogs to the championship with {a_thing} for a trophy
        misses the deciding match and faces an angry coach"""),
    "Thriller": _lines("""
        uncovers a conspiracy that reaches the very top
        has until midnight to free a hostage
        is stalked by an assassin who is always early
        walks into a deadly trap set by {other}
        trusts nobody once the deadly conspiracy comes to light
        must outwit an assassin before the hostage runs out of time"""),
    "War": _lines("""
        is a young soldier in a battle that nobody ordered
        hides a wounded soldier behind enemy lines
        leads a small platoon through the trenches
        deserts the army with {an_animal} and a white flag
        writes home from the trenches on the eve of battle
        cooks for an army that has lost its enemy"""),
    "Western": _lines("""
        becomes sheriff of a dusty frontier town
        rides into town to face an outlaw at noon
        is a tired cowboy with one bullet and no horse
        defends a small ranch from a well-dressed outlaw
        plays cards with the sheriff in the last saloon on the frontier
        teaches a lonely cowboy to read in a noisy saloon"""),
}
NEUTRAL = _lines("""
    takes a second look at {a_thing}
    meets {other} on the way to {place}
    misses the last bus to {place} by a minute
    makes a bet with {other} that nobody can win
    decides to say yes to everything for a week
    is left in charge of {a_thing} and {an_animal}
    receives a parcel meant for {other}
    agrees to look after {an_animal} until Sunday
    has one summer left in {place} and too many plans
    opens the wrong door at the right time
    gives up a good job for {a_thing}
    moves into a flat above the {job} of {place}
    begins to wonder what {other} really wants
    keeps a promise made eleven years ago""")
OPENINGS = _lines("""
    {name} the {job} {clause}.
    In {home}, {name} {clause}.
    {name}, {a_job} from {home}, {clause}.
    In {home}, {a_job} named {name} {clause}.
    Everyone in {home} knows {name}, {a_job} who {clause}.
    Meet {name} of {home}, {a_job} who {clause}.
    At the age of {age}, {a_job} called {name} {clause}.
    One rainy morning in {home}, {name} the {job} {clause}.""")
FOLLOWS = _lines("""
    Before long {first} {clause}.
    By Tuesday {first} {clause}.
    Against all advice, {first} {clause}.
    Meanwhile {friend} {clause}.
    Things change when {friend} {clause}.
    Then {friend}, {a_job}, {clause}.""")
ASIDES = _lines("""
    Nothing goes to plan, least of all the {animal}.
    Only the {animal} suspects the truth.
    It is a long way home from {place}.
    The {thing} was never meant to be opened.
    Nobody in {home} will ever look at {a_thing} in the same way again.
    Some doors are better left to {other}.
    The rest is up to {other}, {an_animal} and the weather.
    {place} has never seen a week like it.""")
TITLES = _lines("""
    The {manner} {animal}
    Goodbye, {first}
    A {thing} for {first}
    {first} and the {thing}
    Last Bus to {place}
    The {animal} of {place}
    Nobody Told {first}
    Midnight in {place}
    My Friend the {animal}
    The {job}'s {thing}
    {first} & {friend}
    The Other {job}
    Return to {place}
    Eleven Days in {place}""")
CREDITS = _lines("""
    A film by {name}
    Coming to no cinema near {place}
    From the studio that lost the {thing}
    Based on the {thing} by {name}
    {name} and introducing the {animal}
    Winner of a golden {animal} in {place}""")
