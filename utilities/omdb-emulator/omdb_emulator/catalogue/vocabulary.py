"""The words, names and weighted values of generated titles.

The weight of a value is how often it occurs in about 7,600 responses of OMDb.
"""

from __future__ import annotations

# Word lists are easier to read as text; some letters resemble others.
# ruff: noqa: RUF001, SIM905

#: Words of titles, most frequent first.
TITLE_WORDS = """
love man night house day life dead last world king time girl dark city black heart blood red war
story woman secret boy first lost home death game dream road star child street wild white summer
island ghost devil big blue men family great hell hunter queen friend money party river return
american little old new good young bad evil angel fire water train moon sun winter school kill
wedding christmas murder killer shadow mother father brother sister daughter son baby dog cat
horse wolf dragon monster vampire zombie witch hero soldier captain doctor prince princess pirate
cowboy stranger lover husband wife bride widow lady gentleman detective agent spy thief gangster
prisoner judge lawyer teacher student priest nun president general golden silver green broken
hidden silent deadly final perfect dangerous beautiful crazy lonely happy bitter sweet bloody
frozen burning falling rising flying running walking dancing singing crossing waiting dying living
missing hunting forest mountain desert ocean sea lake valley garden castle tower bridge tunnel
station hotel hospital prison church temple palace village town border frontier east west north
south paris london berlin tokyo rome texas california brooklyn hollywood vegas morning evening
midnight dawn dusk today tomorrow yesterday forever never always everything nothing something
anything nobody everybody somebody beginning end beyond under above below behind between inside
outside before after without within truth lie lies crime justice law order chaos peace honor glory
fear anger rage hate hope faith grace mercy sin virtue passion desire pleasure pain sorrow joy
fury revenge vengeance betrayal escape journey quest voyage mission operation project experiment
theory code key door window mirror mask ring crown sword gun bullet knife rope bomb rocket engine
machine robot computer network signal message letter book diary song music dance opera circus
theater cinema picture painting color sound voice silence echo whisper scream laughter smile kiss
touch dinner breakfast lunch coffee wine bread sugar apple orange cherry rose lily flower tree
leaf branch root seed grass stone rock iron steel glass paper silk velvet leather feather diamond
pearl ruby emerald treasure fortune luck chance danger trouble problem question answer mystery
puzzle riddle legend myth tale fable chronicle memory past future present century decade year
month week hour minute second moment eternity storm thunder lightning rain snow ice wind cloud sky
heaven earth planet galaxy universe space alien creature beast bear lion tiger eagle raven crow
hawk dove swan snake spider shark whale fish butterfly bee ant rat mouse rabbit fox deer monkey
elephant turtle chicken duck pig sheep goat football baseball boxing racing driver fighter
champion team coach match score victory defeat battle army navy marine squad brigade legion empire
kingdom republic nation country state union revolution rebel outlaw bandit sheriff ranger marshal
deputy warrior knight samurai ninja gladiator barbarian wizard sorcerer magician clown fool genius
scholar poet artist writer actor singer dancer model nurse pilot sailor farmer miner worker boss
master servant slave maid butler cook baker tailor merchant banker broker gambler drifter tramp
beggar orphan runaway hitchhiker passenger tourist guest host neighbor tenant landlord roommate
classmate sweetheart darling honey sugarplum valentine anniversary birthday holiday vacation
weekend honeymoon divorce affair romance marriage engagement funeral burial grave tomb coffin
skeleton skull bone flesh skin eye eyes hand hands finger fist foot blade edge line circle square
triangle cross wheel spiral maze labyrinth abyss pit cave mine well
""".split()

#: Words with letters outside ASCII.
FOREIGN_WORDS = """
Été Amélie Château Señorita Niño Día Corazón Über Mädchen Straße Ça Garçon Français Nuits Ténèbres
Piñata Mañana São Coração Fängelse Kärlek Ångest Øst Kjærlighet Łódź Świat Děti Žena Čas Příběh
Gördüğün Işık Fiancée Protégé Façade Naïve Zoë Chloé Björk Göteborg Köln München Düsseldorf Málaga
""".split()

FIRST_NAMES = """
James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara Richard
Susan Joseph Jessica Thomas Sarah Charles Karen Daniel Nancy Matthew Lisa Anthony Margaret Mark
Sandra Paul Ashley Steven Kimberly Andrew Emily Kenneth Donna Joshua Michelle Kevin Carol Brian
Amanda George Melissa Edward Deborah Ronald Stephanie Timothy Rebecca Jason Laura Jeffrey Sharon
Ryan Cynthia Jacob Kathleen Gary Amy Nicholas Angela Eric Anna Jonathan Ruth Stephen Brenda Larry
Pamela Justin Nicole Scott Katherine Brandon Samantha Benjamin Christine Samuel Catherine Gregory
Virginia Frank Rachel Raymond Janet Patrick Maria Jack Heather Dennis Diane Jerry Julie Pedro José
Zoë Renée Søren Björn Jürgen François Chloé Penélope Guillermo Hiroshi Akira Wei Ming Rajesh Priya
Olga Dmitri
""".split()

LAST_NAMES = """
Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez
Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark
Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams
Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker
Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper
Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward Richardson Watson Brooks Chavez Wood Bennett
Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross Foster Jimenez
Powell Müller Schröder Dubois Lefèvre Côté O'Brien O'Connor McDonald MacLeod Nuñez Håkansson
Søndergaard Kowalski Novák Ivanov Petrov Tanaka Suzuki Kurosawa Chen Wang Zhang Kapoor Sharma Khan
D'Angelo
""".split()

ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr r s sh st t tr v w z".split()
VOWELS = "a e i o u ae ai ea ia io ou".split()
CODAS = "l m n r s t ck ld mar nd ris rn ston ton via wick x".split()

GENRES = [
    ("Drama", 1436), ("Comedy", 958), ("Romance", 488), ("Crime", 475), ("Action", 435),
    ("Adventure", 397), ("Thriller", 366), ("Mystery", 205), ("Horror", 193), ("Sci-Fi", 188),
    ("Fantasy", 186), ("Family", 183), ("Biography", 163), ("Animation", 100), ("Music", 91),
    ("History", 89), ("War", 87), ("Documentary", 70), ("Sport", 59), ("Musical", 44),
    ("Short", 38), ("Western", 37), ("Film-Noir", 24), ("Adult", 2), ("Talk-Show", 2), ("News", 2),
    ("Reality-TV", 1), ("Game-Show", 1),
]  # fmt: skip

RATED = [
    ("R", 2211), ("N/A", 1641), ("PG-13", 1437), ("PG", 1038), ("Not Rated", 324),
    ("Approved", 294), ("G", 292), ("TV-14", 71), ("TV-PG", 65), ("Unrated", 41),
    ("NOT RATED", 40), ("TV-MA", 36), ("TV-G", 23), ("Passed", 19), ("NC-17", 18), ("GP", 8),
    ("TV-Y", 6), ("UNRATED", 6), ("TV-Y7", 5), ("APPROVED", 5), ("M", 4), ("M/PG", 3), ("X", 3),
    ("U", 2), ("NC-16", 2), ("PASSED", 2), ("NR", 1), ("7+", 1), ("18+", 1), ("K-15", 1),
    ("K-3", 1), ("M18", 1), ("UA", 1), ("E10+", 1), ("TV-Y7-FV", 1),
]  # fmt: skip

COUNTRIES = [
    ("United States", 2090), ("United Kingdom", 380), ("France", 177), ("Canada", 124),
    ("Germany", 108), ("Japan", 84), ("Italy", 57), ("India", 57), ("Australia", 51),
    ("Mexico", 26), ("Ireland", 24), ("Hong Kong", 23), ("Spain", 20), ("Sweden", 17),
    ("Belgium", 16), ("China", 13), ("New Zealand", 13), ("South Korea", 13), ("Denmark", 13),
    ("Netherlands", 12), ("Turkey", 10), ("Austria", 9), ("Switzerland", 9), ("Brazil", 7),
    ("Taiwan", 6), ("Côte d&#x27;Ivoire", 1),
]  # fmt: skip

#: Names of countries in titles that OMDb has not updated since early 2021.
OLD_COUNTRIES = {"United States": "USA", "United Kingdom": "UK"}

#: Countries that no longer exist, and the last year of a film from there.
FORMER_COUNTRIES = [
    ("West Germany", 1990), ("East Germany", 1990), ("Soviet Union", 1991),
    ("Czechoslovakia", 1992), ("Yugoslavia", 1992), ("Federal Republic of Yugoslavia", 2003),
]  # fmt: skip

LANGUAGES = [
    ("English", 2307), ("French", 289), ("Spanish", 242), ("German", 168), ("Italian", 136),
    ("Russian", 96), ("Japanese", 89), ("Latin", 61), ("Hindi", 55), ("Arabic", 32),
    ("Cantonese", 30), ("Mandarin", 29), ("Portuguese", 22), ("Swedish", 18), ("Hebrew", 17),
    ("Korean", 16), ("Turkish", 16), ("Yiddish", 16), ("Danish", 13), ("American Sign ", 13),
    ("Vietnamese", 11), ("Greek", 10), ("Dutch", 10), ("Polish", 9), ("Hungarian", 8),
    ("Persian", 8), ("Czech", 7), ("None", 12), ("Ancient (to 1453)", 2), ("Egyptian (Ancient)", 1),
]  # fmt: skip

#: Texts of awards; ``#`` stands for a number of at least 2.
AWARDS = [
    ("N/A", 2058), ("# wins & # nominations total", 869),
    ("Nominated for 1 Oscar. # wins & # nominations total", 369),
    ("Nominated for # Oscars. # wins & # nominations total", 346),
    ("Won # Oscars. # wins & # nominations total", 342), ("# nominations total", 297),
    ("Won 1 Oscar. # wins & # nominations total", 291), ("1 win & # nominations total", 254),
    ("# wins & # nominations", 176), ("1 nomination total", 153),
    ("Nominated for 1 BAFTA Award# wins & # nominations total", 90),
    ("# wins & 1 nomination total", 70), ("1 win & 1 nomination total", 66), ("1 nomination", 66),
    ("# nominations", 65), ("# wins total", 55), ("1 win total", 54),
    ("Nominated for 1 Oscar. 1 win & # nominations total", 39), ("1 win & # nominations", 37),
    ("Won 1 BAFTA Award# wins & # nominations total", 32), ("1 win", 30), ("# wins", 24),
    ("1 win & 1 nomination", 24), ("# wins & 1 nomination", 23),
    ("Nominated for # BAFTA # wins & # nominations total", 22),
    ("Nominated for 1 Oscar. # nominations total", 20),
    ("Won # Primetime Emmys. # wins & # nominations total", 9),
    ("Won # BAFTA # wins & # nominations total", 9),
    ("Nominated for 1 BAFTA Award1 win & # nominations total", 8),
    ("Nominated for 1 BAFTA Award# nominations total", 5), ("Won 1 Oscar. # wins total", 3),
    ("Nominated for 1 BAFTA Film Award# wins & # nominations total", 2),
]  # fmt: skip

#: Texts of awards in titles that OMDb has not updated since early 2021.
OLD_AWARDS = [
    ("N/A", 400), ("# wins & # nominations.", 292),
    ("Won # Oscars. Another # wins & # nominations.", 143),
    ("Nominated for # Oscars. Another # wins & # nominations.", 122),
    ("Nominated for 1 Oscar. Another # wins & # nominations.", 112),
    ("1 win & # nominations.", 108), ("# nominations.", 107),
    ("Won 1 Oscar. Another # wins & # nominations.", 81), ("1 nomination.", 51), ("1 win.", 37),
    ("Nominated for 1 Golden Globe. Another # wins & # nominations.", 29),
    ("# wins & 1 nomination.", 21), ("# wins.", 21),
    ("Nominated for 1 BAFTA Film Award. Another # wins & # nominations.", 18),
    ("1 win & 1 nomination.", 15),
    ("Nominated for # Golden Globes. Another # wins & # nominations.", 8),
    ("Nominated for # Oscars. Another # wins.", 3),
    ("Nominated for 1 Oscar. Another # nominations.", 2),
]  # fmt: skip

#: The sources that rate a title: I(MDb), R(otten Tomatoes), M(etacritic).
RATED_BY = [("IRM", 3718), ("", 1050), ("I", 802), ("IR", 687), ("IM", 71), ("R", 15)]

WRITER_NOTES = [
    ("screenplay", 50), ("story", 30), ("novel", 20), ("characters", 8), ("play", 6),
    ("screenplay by", 5), ("based on the book by", 3), ("screen story", 2), ('as "Bob"', 1),
    ("characters, uncredited", 1), ("Thanos,  Gamora & Drax created by", 1),
]  # fmt: skip
