"""Words that say nothing of the matter, per language: articles, pronouns, courtesy.

Written for mail to a customer service: beside the function words of the language they hold what
nearly every such mail has in it (greetings, thanks, "please"). Words that may be the matter itself
("not", "when", "how long") are left out of a query too, since they stand in every section.
"""

from typing import Final

_WORDS: Final = {
    "en": """a about after all also am an and any are as at be because been before being but by can
        could did do does doing don for from further get got had has have having he hello her here
        hi him his how i if in into is isn it its just kind let like many me more most much my need
        no nor not now of off on once only or other our out over own please regards same she should
        so some such t than thank thanks that the their them then there these they this those
        through to too under until up us very want was we were what when where which while who whom
        why will with would yes you your best dear sincerely""",
    "de": """ab aber alle allem allen aller alles als also am an andere anderen auch auf aus bei bin
        bis bitte da damit dann das dass dein dem den denn der des dessen die dies diese diesem
        diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euch
        euer für gegen geehrte geehrter gern gerne grüße grüßen gruß habe haben hallo hat hatte
        hätte
        hier
        hin ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede jedem jeden
        jeder jedes jetzt kann kein keine keinen können könnte könnten man mein meine meinem meinen
        meiner mich mir mit möchte muss nach nicht noch nun nur ob oder ohne sehr sein seine sich
        sie sind so soll sondern über um und uns unser unsere unter vielen viele vom von vor war
        warum was wegen weil wenn wer werde werden wie wieder will wir wird wo wurde wurden würde
        zu zum zur zwischen danke dank freundlichen freundliche mfg damen herren tag guten welche
        welcher welches""",
    "sv": """alla allt att av blev bli blir de dem den denna deras dess dessa det detta dig din dina
        ditt du där då efter ej eller en er era ert ett från för ha hade han har hej hela henne hon
        hur här i icke in ingen inte jag ju kan kunde man med mellan men mer mig min mina mitt mot
        mycket ni nu när någon något några och om oss på sedan sig sin sina sitt ska skall skulle
        som så till tack under upp ut utan vad var vara varför varit vart vem vi vid vilka vilken
        vilket vill väl vänligen åt är över hälsning hälsningar mvh snälla gärna också""",
    "da": """af alle alt at blev blive bliver da de dem den denne der deres det dette dig din dine
        dit dog du efter eller en end er et for fra få ham han har havde have hej hende her hos hun
        hvad hvem hver hvilken hvis hvor hvordan hvorfor hvornår i ikke ind ja jeg jer kan kun kunne
        lige man mange med meget men mig min mine mit mod ned noget nogle nu når og også om op os
        over på selv sig sin sine sit skal skulle som så til tak ud under var ved vi vil ville være
        været venlig hilsen venligst mvh kære""",
    "nb": """alle alt at av ble bli blir da de deg dem den denne der deres det dette din dine ditt
        du eller en er et etter for fordi fra få ha hadde han har hei her hun hva hvem hver hvilken
        hvis hvor hvordan hvorfor i ikke inn ja jeg kan kun kunne litt man mange med meg meget men
        mer min mine mitt mot mye ned noe noen nå når og også om opp oss over på seg selv sin sine
        sitt skal skulle slik som så takk til ut under var vært ved vi vil ville være vennlig hilsen
        mvh kjære ønsker""",
    "nl": """aan al alle als alvast altijd ander bedankt bent bij ben dan dank dat de den der deze
        die dit doch doen door dus een en er ervan geen graag haar had heb hebben heeft hem het hij
        hoe hun iets ik in is ja je jij jou jouw jullie kan kunnen kunt maar me meer mee men met
        mij mijn moet na naar niet niets nog nu of om omdat ons onze ook op over reeds te tegen toch
        toen tot u uit uw van veel via voor waar waarom wanneer want waren was wat we wel werd wie
        wij wil wilt worden wordt zal ze zei zelf zich zij zijn zo zonder zou groet groeten
        vriendelijke beste geachte hallo welke""",
    "fr": """a afin ai alors au aucun aussi autre aux avec avez avoir avons bien bonjour bonsoir car
        ce ceci cela celle celui ces cet cette ceux chez comme comment cordialement d dans de des
        depuis donc dont du elle elles en encore entre es est et étais était être eu eux fait faire
        faut il ils j je l la le les leur leurs lui m ma mais me même mes merci moi mon n ne nos
        notre nous on ont ou où par pas peu peut peux plus pour pourquoi pouvez puis puisque qu
        quand que quel quelle quelles quels qui s sa sans se ses si son sont sous suis sur t ta te
        tes toi ton tous tout toute toutes très tu un une vos votre vous y salutations madame
        monsieur avance voudrais souhaite""",
    "es": """a al algo alguna algún ante antes aquí así aunque bien cada como cómo con contra cual
        cuál cuales cuando cuándo de del desde dónde donde dos e el él ella ellas ellos en entre era
        es esa ese eso esta está están estar estas este esto estos estoy fue gracias ha hace hacer
        hacia han hasta hay he hola la las le les lo los más me mi mis muchas mucho muy nada ni no
        nos nosotros nuestra nuestro o os otra otro para pero poco por porque puede pueden puedo
        pues que qué quien quién quiero quisiera saludos se sea ser si sí sin sobre son soy su sus
        también tan te tengo ti tiene todo todos tu tus un una uno unos usted ustedes y ya yo buenos
        días tardes estimados atentamente cordial saludo favor""",
    "it": """a ad agli ai al alla alle allo anche avere avete aveva avrei ben buongiorno buonasera
        c che chi ci ciao come con contro cordiali cosa cui d da dagli dai dal dalla dalle de degli
        dei del della delle dello di dopo dove e è ed era essere fa fare fra gentile già gli grazie
        ha hai hanno ho i il in io l la le lei li lo loro ma me mi mia mie miei mio molto ne nei
        nel nella nelle nello no noi non nostra nostro o ogni per perché più po poi posso potete
        prima può qual quale quali quando quanto quella quelle quello questa queste questi questo
        qui saluti salve se sei senza si sia siamo siete sono sta su sua sue sugli sui sul sulla suo
        suoi te ti tra tu tua tuo tutti tutto un una uno vi voi vorrei vostra vostro distinti""",
    "pt": """a à ao aos as às até bem boa bom com como cumprimentos da das de dela dele depois desde
        dia do dos e é ela elas ele eles em entre era essa esse esta está estão estas este estes eu
        foi for fui gostaria há isso isto já lhe mais mas me mesmo meu meus minha minhas muito na
        nada não nas nem no nos nós nossa nosso num numa o obrigada obrigado olá onde os ou para
        pela pelas pelo pelos pode podem poder por porque posso pra qual quais quando que quem quero
        se sem ser seu seus só são sobre sou sua suas também te tem tenho ter teu todo todos tu tua
        um uma umas uns vocês você vos atenciosamente prezados favor""",
    "fi": """ei eikä eli emme en enkä ennen että ette eikö he heidän hei hyvä hän häneen hänen
        hänet itse ja jo joka jokin joko jolla jonka jos joten jotka jotta kaikki kanssa kautta kai
        kiitos kuin kuinka kuitenkin kun koska ketä kuka me meidän meille mihin mikä mikäli miksi
        millä milloin minkä minua minulla minulle minun minä missä mistä mitä mm moi mukaan mutta
        myös ne niiden niin niitä noin nyt ole olemme olen olet olette oli olin olisi olisin oma on
        ovat pitää se sekä sen siellä siihen siinä sillä sinä sinun sitten sitä tai te teidän teillä
        teille tämä tämän tässä tätä tuo vaan vai vaikka vain vielä voi voiko voin voinko voisi
        voitte ystävällisin terveisin terveisiin haluaisin haluan""",
    "pl": """a aby ale albo ani aż bardzo bez bo by był była było były być chcę chciałbym
        chciałabym ci co czy dla do dobry dzień dziękuję gdy gdyż gdzie go i ich ile im inne ja jak
        jaka jaki jakie je jego jej jest jestem jeszcze jeśli już każdy kiedy kto która które której
        który którą lub ma mam mi mnie mogę może można mój moja moje móc musi my na nad nam nas nasz
        nie nich niej niż no o od on ona oni ono oraz pan pana pani pod pozdrawiam pozdrowienia po
        poważaniem proszę przed przez przy są się sobie swój ta tak także tam te tego tej ten to
        też tu tych tylko tym u w was wasz we wszystko wy z za ze że witam państwo państwa""",
}

STOPWORDS: Final = {code: frozenset(words.split()) for code, words in _WORDS.items()}
